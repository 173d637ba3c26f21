// What a training step does on an NVIDIA GPU beside ggml's graphs: optimizer, encoding of blocks,
// copies for the passes, the loss over the logits, sums over devices.
//
// Pointers named *_dev are memory of the handle's device. Calls queue their work on the handle's
// stream in order; whittle_cuda_synchronize waits for it. Calls return 0, or a CUDA error code that
// whittle_cuda_describe explains. A handle is used by one thread at a time.

#ifndef WHITTLE_CUDA_H
#define WHITTLE_CUDA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Raised whenever a call changes its meaning: the Java side refuses another one.
#define WHITTLE_CUDA_INTERFACE 3

struct whittle_cuda;

int whittle_cuda_interface(void);

// Makes a handle on a device, counted as CUDA counts them; null if the device cannot be used.
struct whittle_cuda * whittle_cuda_open(int device);
void whittle_cuda_close(struct whittle_cuda * handle);

const char * whittle_cuda_describe(int error);

int whittle_cuda_synchronize(struct whittle_cuda * handle);

// The sum of x[i]^2 into slot `slot` of the handle's results, of which there are 65,536.
int whittle_cuda_sum_of_squares(struct whittle_cuda * handle, const float * x_dev, int64_t n, int slot);

// Waits, and copies the first `count` results to the host.
int whittle_cuda_results(struct whittle_cuda * handle, double * results, int count);

// AdamW over n elements: g is scaled first; `rate` is the learning rate over the first moment's
// bias correction, `keep` is 1 - learning rate * decay, `inverse2` one over the second moment's
// bias correction.
int whittle_cuda_adamw(
    struct whittle_cuda * handle, float * weight_dev, const float * gradient_dev, float * first_dev, float * second_dev,
    int64_t n, float scale, float beta1, float beta2, float epsilon, float rate, float keep, float inverse2);

// target[ids[k]] += sum of rows[order[starts[k] .. starts[k + 1])] for each of `count` distinct
// ids; rows have `width` elements. ids, starts (count + 1) and order (total) are host memory.
int whittle_cuda_add_rows(
    struct whittle_cuda * handle, float * target_dev, const float * rows_dev, int64_t width, const int32_t * ids,
    const int32_t * starts, const int32_t * order, int32_t count, int32_t total);

// Whether the blocks of a ggml type can be encoded and decoded here.
int whittle_cuda_encodes(int ggml_type);

// Encodes rows of `row_length` values; importance has row_length values, or is null.
int whittle_cuda_encode(
    struct whittle_cuda * handle, int ggml_type, const float * x_dev, const float * importance_dev, void * blocks_dev,
    int64_t rows, int64_t row_length);

// Rounds rows of `row_length` values to the nearest levels of the blocks that are there: their codes
// change, their scales stay. Types without scales are encoded.
int whittle_cuda_round(
    struct whittle_cuda * handle, int ggml_type, const float * x_dev, void * blocks_dev, int64_t rows,
    int64_t row_length);

// Decodes rows to bfloat16: as they are [row_length, rows], and transposed [rows, row_length];
// either may be null.
int whittle_cuda_decode(
    struct whittle_cuda * handle, int ggml_type, const void * blocks_dev, void * decoded_dev, void * transposed_dev,
    int64_t rows, int64_t row_length);

// Order against another stream: what is queued from here on waits for a recorded cudaEvent_t; an
// event is recorded behind what is queued so far.
int whittle_cuda_wait_event(struct whittle_cuda * handle, void * event);
int whittle_cuda_record_event(struct whittle_cuda * handle, void * event);

// Whether rows of n elements can be normalized by the two calls below.
int whittle_cuda_normalizes(int64_t n);

// RMS normalization of rows of n elements, times a weight: y = x / sqrt(mean(x^2) + epsilon) * w.
int whittle_cuda_rms_norm(
    struct whittle_cuda * handle, const float * x_dev, const float * weight_dev, float * y_dev, int64_t n,
    int64_t rows, float epsilon);

// Its gradient at x for the gradient at y; that at the weight is added to weight_gradient.
int whittle_cuda_rms_norm_back(
    struct whittle_cuda * handle, const float * gradient_dev, const float * x_dev, const float * weight_dev,
    float * dx_dev, float * weight_gradient_dev, int64_t n, int64_t rows, float epsilon);

// Rotary embedding of x [head, heads, tokens], which pairs element i with i + head / 2; `direction`
// is 1, or -1 for the gradient. Angles are position * base^(-2i / head) * scale; factors_dev may
// divide them, or be null.
int whittle_cuda_rope(
    struct whittle_cuda * handle, const float * x_dev, const int32_t * positions_dev, const float * factors_dev,
    float * y_dev, int64_t head, int64_t heads, int64_t tokens, float base, float scale, float direction);

// softmax(x * scale) over the first dimension of x [length, length, heads, rows], of which query i of
// a row sees elements starts[i] .. i (starts: [length, rows]); what it does not see becomes 0.
int whittle_cuda_causal_softmax(
    struct whittle_cuda * handle, const float * x_dev, const int32_t * starts_dev, float * y_dev, int64_t length,
    int64_t heads, int64_t rows, float scale);

// The gradients of silu(gate) * up at gate, n elements, and behind them at up.
int whittle_cuda_swiglu_back(
    struct whittle_cuda * handle, const float * gradient_dev, const float * gate_dev, const float * up_dev,
    float * gradients_dev, int64_t n);

// The weights of the terms of a loss, at a temperature.
struct whittle_cuda_loss {
  float forward_kl;
  float reverse_kl;
  float jsd;
  float cross_entropy;
  float temperature;
};

// For each token the loss over its logits [vocabulary], unweighted, and, in place of the student's
// logits, the gradient times the token's weight. `teacher_dev` may be null if the loss is
// cross-entropy alone; targets are token ids.
int whittle_cuda_loss_and_gradient(
    struct whittle_cuda * handle, float * student_dev, const float * teacher_dev, const int32_t * targets_dev,
    const float * weights_dev, float * losses_dev, int64_t vocabulary, int64_t tokens, struct whittle_cuda_loss loss);

// Lets the handle's device read and write the memory of another one.
int whittle_cuda_enable_peer(struct whittle_cuda * handle, int other_device);

// own[i] = peer[i] = own[i] + peer[i]; `peer_dev` is memory of a device that was enabled.
int whittle_cuda_share_sum(struct whittle_cuda * handle, float * own_dev, float * peer_dev, int64_t n);

#ifdef __cplusplus
}
#endif

#endif
