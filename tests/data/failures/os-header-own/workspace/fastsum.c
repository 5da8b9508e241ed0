#include <Python.h>
#include "fastsum_tables.h"
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fastsum", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_fastsum(void) { return PyModule_Create(&module); }
