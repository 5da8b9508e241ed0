#include <Python.h>
#include <vector>
extern "C" {

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fastsum", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_fastsum(void) { return PyModule_Create(&module); }
}
