#include "ggml.h"
#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "gguf.h"
#include "llama.h"

// What only the CPU library has: it is not linked, but asked for by name (ggml_backend_reg_get_proc_address).
typedef struct ggml_threadpool * (*ggml_threadpool_new_t)(struct ggml_threadpool_params * params);
typedef void (*ggml_threadpool_free_t)(struct ggml_threadpool * threadpool);
typedef void (*ggml_backend_cpu_set_threadpool_t)(ggml_backend_t backend, struct ggml_threadpool * threadpool);
