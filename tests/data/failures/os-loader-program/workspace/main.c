#include <cjson/cJSON.h>

int main(void) { return cJSON_CreateObject() == 0; }
