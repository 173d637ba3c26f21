#include "oneapi/dnnl/dnnl.h"

// From the OpenMP runtime that oneDNN is linked to.
void omp_set_num_threads(int);
