#include "whittle_cuda.h"

#include "blocks.cuh"

#include <cuda_runtime.h>

using namespace whittle;

namespace {

constexpr int SLOTS = 65536;
constexpr int REDUCE_BLOCKS = 512;
constexpr int REDUCE_THREADS = 256;
constexpr int ENCODE_THREADS = 128;
constexpr unsigned ALL_LANES = 0xffffffffu;

// The ids of enum ggml_type.
enum Type {
  F32 = 0,
  F16 = 1,
  TYPE_Q4_0 = 2,
  TYPE_Q8_0 = 8,
  TYPE_Q2_K = 10,
  TYPE_Q3_K = 11,
  TYPE_Q4_K = 12,
  TYPE_Q5_K = 13,
  TYPE_Q6_K = 14,
  TYPE_IQ4_NL = 20,
  BF16 = 30,
  TYPE_TQ2_0 = 35,
  TYPE_MXFP4 = 39,
  TYPE_Q2_0 = 42,
};

// ---------------------------------------------------------------------------------------------
// Sums and the optimizer
// ---------------------------------------------------------------------------------------------

// The order of additions depends on the launch only, so that results can be repeated.
__device__ double block_sum(double value) {
  __shared__ double partial[32];
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(ALL_LANES, value, offset);
  }
  if (threadIdx.x % 32 == 0) {
    partial[threadIdx.x / 32] = value;
  }
  __syncthreads();
  if (threadIdx.x < 32) {
    value = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0;
    for (int offset = 16; offset > 0; offset /= 2) {
      value += __shfl_xor_sync(ALL_LANES, value, offset);
    }
  }
  return value;
}

__global__ void square_sums(const float * x, int64_t n, double * partial) {
  double sum = 0;
  for (int64_t i = (int64_t) blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (int64_t) gridDim.x * blockDim.x) {
    sum += (double) x[i] * x[i];
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
  }
}

__global__ void sum_partials(const double * partial, int count, double * result) {
  double sum = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    sum += partial[i];
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) {
    *result = sum;
  }
}

__global__ void adamw(
    float * __restrict__ weight, const float * __restrict__ gradient, float * __restrict__ first,
    float * __restrict__ second, int64_t n, float scale, float beta1, float beta2, float epsilon, float rate,
    float keep, float inverse2) {
  const int64_t i = (int64_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) {
    return;
  }
  const float g = gradient[i] * scale;
  const float m = beta1 * first[i] + (1 - beta1) * g;
  const float v = beta2 * second[i] + (1 - beta2) * g * g;
  first[i] = m;
  second[i] = v;
  weight[i] = weight[i] * keep - rate * m / (sqrtf(v * inverse2) + epsilon);
}

__global__ void add_rows(
    float * __restrict__ target, const float * __restrict__ rows, int64_t width, const int32_t * __restrict__ ids,
    const int32_t * __restrict__ starts, const int32_t * __restrict__ order) {
  const int64_t column = (int64_t) blockIdx.y * blockDim.x + threadIdx.x;
  if (column >= width) {
    return;
  }
  float sum = 0;
  const int end = starts[blockIdx.x + 1];
#pragma unroll 8
  for (int i = starts[blockIdx.x]; i < end; ++i) {
    sum += rows[order[i] * width + column];
  }
  target[ids[blockIdx.x] * width + column] += sum;
}

__global__ void share_sum(float * own, float * peer, int64_t n) {
  const int64_t i = (int64_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    const float sum = own[i] + peer[i];
    own[i] = sum;
    peer[i] = sum;
  }
}

// ---------------------------------------------------------------------------------------------
// Blocks
// ---------------------------------------------------------------------------------------------

// SIZE / SHARE threads of a warp that work on one block. All threads of the warp take part.
template <int SIZE_OF_TEAM>
struct DeviceTeam {
  Shared * memory;

  __device__ int rank() const { return threadIdx.x % SIZE_OF_TEAM; }
  __device__ int size() const { return SIZE_OF_TEAM; }
  __device__ Shared & shared() { return *memory; }
  __device__ void sync() { __syncwarp(); }

  template <int THREADS>
  __device__ float group_sum(float value) {
    for (int offset = THREADS / 2; offset > 0; offset /= 2) {
      value += __shfl_xor_sync(ALL_LANES, value, offset);
    }
    return value;
  }

  template <int THREADS>
  __device__ float group_max(float value) {
    for (int offset = THREADS / 2; offset > 0; offset /= 2) {
      value = fmaxf(value, __shfl_xor_sync(ALL_LANES, value, offset));
    }
    return value;
  }

  __device__ float sum(float value) { return group_sum<SIZE_OF_TEAM>(value); }
  __device__ float max(float value) { return group_max<SIZE_OF_TEAM>(value); }
};

// The block that a thread's team works on. Teams behind the last block go along with it, and write
// nothing.
template <class Format>
struct Assignment {
  int64_t block;
  bool writes;

  static __device__ Assignment of_thread(int64_t count) {
    const int64_t wished = ((int64_t) blockIdx.x * ENCODE_THREADS + threadIdx.x) / (Format::SIZE / SHARE);
    return {wished < count ? wished : count - 1, wished < count};
  }

  // The first of the thread's values.
  template <class Team>
  __device__ int64_t start(const Team & team) const { return block * Format::SIZE + team.rank() * SHARE; }
};

template <class Format>
__global__ void encode_blocks(
    const float * x, const float * importance, typename Format::Block * blocks, int64_t count, int64_t row_length) {
  constexpr int TEAM = Format::SIZE / SHARE;
  __shared__ Shared memory[ENCODE_THREADS / TEAM];
  DeviceTeam<TEAM> team = {memory + threadIdx.x / TEAM};
  const auto at = Assignment<Format>::of_thread(count);
  Share s;
  const int64_t start = at.start(team);
  const int64_t column = start % row_length;
  for (int i = 0; i < SHARE; ++i) {
    s.x[i] = x[start + i];
    s.w[i] = importance == nullptr ? 1 : importance[column + i];
  }
  Format::encode(team, s, at.writes ? blocks + at.block : nullptr);
}

template <class Format>
__global__ void round_blocks(const float * x, typename Format::Block * blocks, int64_t count) {
  constexpr int TEAM = Format::SIZE / SHARE;
  __shared__ Shared memory[ENCODE_THREADS / TEAM];
  DeviceTeam<TEAM> team = {memory + threadIdx.x / TEAM};
  const auto at = Assignment<Format>::of_thread(count);
  float own[SHARE];
  for (int i = 0; i < SHARE; ++i) {
    own[i] = x[at.start(team) + i];
  }
  round_block<Format>(team, own, blocks[at.block], at.writes ? blocks + at.block : nullptr);
}

constexpr int TILE_ROWS = 32;
constexpr int TILE_COLUMNS = 64;

template <class Format>
__global__ void decode_tile(
    const typename Format::Block * blocks, uint16_t * decoded, uint16_t * transposed, int64_t rows,
    int64_t row_length) {
  __shared__ uint16_t tile[TILE_ROWS][TILE_COLUMNS + 2];
  const int64_t row0 = (int64_t) blockIdx.y * TILE_ROWS;
  const int64_t column0 = (int64_t) blockIdx.x * TILE_COLUMNS;
  for (int k = threadIdx.x; k < TILE_ROWS * TILE_COLUMNS; k += blockDim.x) {
    const int64_t row = row0 + k / TILE_COLUMNS;
    const int64_t column = column0 + k % TILE_COLUMNS;
    if (row < rows && column < row_length) {
      const int64_t element = row * row_length + column;
      const uint16_t value =
          float_to_bf16(Format::decode(blocks[element / Format::SIZE], (int) (element % Format::SIZE)));
      tile[k / TILE_COLUMNS][k % TILE_COLUMNS] = value;
      if (decoded != nullptr) {
        decoded[element] = value;
      }
    }
  }
  if (transposed == nullptr) {
    return;
  }
  __syncthreads();
  for (int k = threadIdx.x; k < TILE_ROWS * TILE_COLUMNS; k += blockDim.x) {
    const int64_t row = row0 + k % TILE_ROWS;
    const int64_t column = column0 + k / TILE_ROWS;
    if (row < rows && column < row_length) {
      transposed[column * rows + row] = tile[k % TILE_ROWS][k / TILE_ROWS];
    }
  }
}

// Types without scales: an element is a block.
struct Float32 {
  using Block = float;
  static constexpr int SIZE = 1;
  static __device__ float decode(const Block & b, int) { return b; }
};

struct Float16 {
  using Block = uint16_t;
  static constexpr int SIZE = 1;
  static __device__ float decode(const Block & b, int) { return half_to_float(b); }
};

struct BFloat16 {
  using Block = uint16_t;
  static constexpr int SIZE = 1;
  static __device__ float decode(const Block & b, int) { return bf16_to_float(b); }
};

__global__ void round_to_half(const float * x, uint16_t * y, int64_t n, bool brain) {
  const int64_t i = (int64_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    y[i] = brain ? float_to_bf16(x[i]) : float_to_half(x[i]);
  }
}

// ---------------------------------------------------------------------------------------------
// Nodes of the passes
// ---------------------------------------------------------------------------------------------

constexpr int NORM_THREADS = 256;
constexpr int NORM_WARPS = NORM_THREADS / 32;
constexpr int NORM_BLOCKS = 528;
constexpr int64_t NORM_GREATEST = 1024;

__device__ float warp_sum(float value) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(ALL_LANES, value, offset);
  }
  return value;
}

__device__ float warp_max(float value) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(ALL_LANES, value, offset));
  }
  return value;
}

// A warp holds a row of 32 * C elements.
template <int C>
__global__ void rms_norm(const float * x, const float * weight, float * y, int64_t rows, float epsilon) {
  const int lane = threadIdx.x % 32;
  const int64_t row = (int64_t) blockIdx.x * NORM_WARPS + threadIdx.x / 32;
  if (row >= rows) {
    return;
  }
  x += row * 32 * C;
  y += row * 32 * C;
  float v[C];
  float squares = 0;
#pragma unroll
  for (int c = 0; c < C; ++c) {
    v[c] = x[lane + 32 * c];
    squares += v[c] * v[c];
  }
  const float factor = rsqrtf(warp_sum(squares) / (32 * C) + epsilon);
#pragma unroll
  for (int c = 0; c < C; ++c) {
    y[lane + 32 * c] = v[c] * factor * weight[lane + 32 * c];
  }
}

// Each block adds its rows' share of the weight's gradient to a line of its own in `partial`.
template <int C>
__global__ void rms_norm_back(
    const float * gradient, const float * x, const float * weight, float * dx, float * partial, int64_t rows,
    float epsilon) {
  __shared__ float shared[NORM_WARPS][32 * C];
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  float w[C];
  float dw[C];
#pragma unroll
  for (int c = 0; c < C; ++c) {
    w[c] = weight[lane + 32 * c];
    dw[c] = 0;
  }
  for (int64_t row = (int64_t) blockIdx.x * NORM_WARPS + warp; row < rows; row += (int64_t) gridDim.x * NORM_WARPS) {
    const int64_t at = row * 32 * C + lane;
    float v[C];
    float g[C];
    float squares = 0;
    float dot = 0;
#pragma unroll
    for (int c = 0; c < C; ++c) {
      v[c] = x[at + 32 * c];
      g[c] = gradient[at + 32 * c];
      squares += v[c] * v[c];
      dot += g[c] * w[c] * v[c];
    }
    squares = warp_sum(squares);
    dot = warp_sum(dot);
    const float mean = squares / (32 * C) + epsilon;
    const float factor = rsqrtf(mean);
    const float back = dot / (32 * C) / mean;
#pragma unroll
    for (int c = 0; c < C; ++c) {
      dx[at + 32 * c] = factor * (g[c] * w[c] - v[c] * back);
      dw[c] += g[c] * v[c] * factor;
    }
  }
#pragma unroll
  for (int c = 0; c < C; ++c) {
    shared[warp][lane + 32 * c] = dw[c];
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 32 * C; i += NORM_THREADS) {
    float sum = 0;
    for (int k = 0; k < NORM_WARPS; ++k) {
      sum += shared[k][i];
    }
    partial[(int64_t) blockIdx.x * 32 * C + i] = sum;
  }
}

__global__ void add_partials(const float * partial, int lines, int n, float * target) {
  // A warp sums a column: the lanes take lines in turn.
  const int column = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (column >= n) {
    return;
  }
  float sum = 0;
  for (int line = threadIdx.x % 32; line < lines; line += 32) {
    sum += partial[(int64_t) line * n + column];
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) {
    target[column] += sum;
  }
}

__global__ void rope(
    const float * x, const int32_t * positions, const float * factors, float * y, int64_t half, int64_t heads,
    int64_t pairs, float exponent, float scale, float direction) {
  const int64_t pair = (int64_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (pair >= pairs) {
    return;
  }
  const int64_t i = pair % half;
  const int64_t head = pair / half;
  const int64_t at = head * 2 * half + i;
  float angle = positions[head / heads] * powf(2.0f, exponent * i) * scale;
  if (factors != nullptr) {
    angle /= factors[i];
  }
  float sine;
  float cosine;
  sincosf(angle, &sine, &cosine);
  sine *= direction;
  const float a = x[at];
  const float b = x[at + half];
  y[at] = a * cosine - b * sine;
  y[at + half] = a * sine + b * cosine;
}

__global__ void causal_softmax(
    const float * x, const int32_t * starts, float * y, int length, int64_t heads, int64_t lines, float scale) {
  const int lane = threadIdx.x % 32;
  const int64_t line = (int64_t) blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (line >= lines) {
    return;
  }
  const int query = (int) (line % length);
  const int64_t row = line / length / heads;
  const int first = starts[row * length + query];
  x += line * length;
  y += line * length;
  float greatest = -INFINITY;
  float sum = 0;
  for (int j = first + lane; j <= query; j += 32) {
    const float v = x[j] * scale;
    if (v > greatest) {
      sum = sum * __expf(greatest - v) + 1;
      greatest = v;
    } else {
      sum += __expf(v - greatest);
    }
  }
  const float all = warp_max(greatest);
  sum = warp_sum(greatest == -INFINITY ? 0 : sum * __expf(greatest - all));
  const float inverse = 1 / sum;
  for (int j = lane; j < length; j += 32) {
    y[j] = j >= first && j <= query ? __expf(x[j] * scale - all) * inverse : 0;
  }
}

__global__ void swiglu_back(
    const float * __restrict__ gradient, const float * __restrict__ gate, const float * __restrict__ up,
    float * __restrict__ at_gate, float * __restrict__ at_up, int64_t n) {
  const int64_t i = (int64_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    const float g = gate[i];
    const float dy = gradient[i];
    const float s = 1 / (1 + __expf(-g));
    at_gate[i] = dy * up[i] * s * (1 + g * (1 - s));
    at_up[i] = dy * g * s;
  }
}

// ---------------------------------------------------------------------------------------------
// The loss
// ---------------------------------------------------------------------------------------------

constexpr int LOSS_THREADS = 512;

struct MaxAndSum {
  float max;
  float sum;
};

__device__ MaxAndSum merge(MaxAndSum a, MaxAndSum b) {
  const float m = fmaxf(a.max, b.max);
  if (m == -INFINITY) {
    return {m, 0};
  }
  return {m, a.sum * __expf(a.max - m) + b.sum * __expf(b.max - m)};
}

__device__ MaxAndSum block_merge(MaxAndSum value) {
  __shared__ MaxAndSum partial[32];
  for (int offset = 16; offset > 0; offset /= 2) {
    const MaxAndSum other = {
        __shfl_xor_sync(ALL_LANES, value.max, offset), __shfl_xor_sync(ALL_LANES, value.sum, offset)};
    value = merge(value, other);
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) {
    partial[threadIdx.x / 32] = value;
  }
  __syncthreads();
  value = partial[0];
  for (int i = 1; i < LOSS_THREADS / 32; ++i) {
    value = merge(value, partial[i]);
  }
  return value;
}

__device__ float block_total(float value) {
  __shared__ float partial[32];
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(ALL_LANES, value, offset);
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) {
    partial[threadIdx.x / 32] = value;
  }
  __syncthreads();
  value = 0;
  for (int i = 0; i < LOSS_THREADS / 32; ++i) {
    value += partial[i];
  }
  return value;
}

// The maximum of the logits times `inverse_temperature`, and the sum of their exponentials below it.
__device__ MaxAndSum normalizer(const float * logits, int64_t n, float inverse_temperature) {
  MaxAndSum all = {-INFINITY, 0};
  for (int64_t i = threadIdx.x; i < n; i += LOSS_THREADS) {
    const float x = logits[i] * inverse_temperature;
    if (x > all.max) {
      all.sum = all.sum * __expf(all.max - x) + 1;
      all.max = x;
    } else {
      all.sum += __expf(x - all.max);
    }
  }
  return block_merge(all);
}

// ln((p + q) / 2) from ln p and ln q.
__device__ float log_mean(float log_p, float log_q) {
  const float m = fmaxf(log_p, log_q);
  return m + __logf(0.5f * (__expf(log_p - m) + __expf(log_q - m)));
}

__global__ void __launch_bounds__(LOSS_THREADS) loss_and_gradient(
    float * students, const float * teachers, const int32_t * targets, const float * weights, float * losses,
    int64_t vocabulary, whittle_cuda_loss loss) {
  const int64_t token = blockIdx.x;
  float * student = students + token * vocabulary;
  const float weight = weights[token];
  if (weight == 0) {
    for (int64_t i = threadIdx.x; i < vocabulary; i += LOSS_THREADS) {
      student[i] = 0;
    }
    if (threadIdx.x == 0) {
      losses[token] = 0;
    }
    return;
  }
  const float tau = loss.temperature;
  const float inverse = 1 / tau;
  const bool divergences = loss.forward_kl > 0 || loss.reverse_kl > 0 || loss.jsd > 0;
  const float * teacher = divergences ? teachers + token * vocabulary : student;

  MaxAndSum q_norm = normalizer(student, vocabulary, inverse);
  const float q_log = q_norm.max + logf(q_norm.sum);
  float p_log = 0;
  if (divergences) {
    const MaxAndSum p_norm = normalizer(teacher, vocabulary, inverse);
    p_log = p_norm.max + logf(p_norm.sum);
  }
  float ce_log = q_log;
  if (loss.cross_entropy > 0 && tau != 1) {
    const MaxAndSum norm = normalizer(student, vocabulary, 1);
    ce_log = norm.max + logf(norm.sum);
  }

  float total = 0;
  float reverse = 0;
  float mean_q = 0;
  if (divergences) {
    float forward = 0;
    float mean_p = 0;
    for (int64_t i = threadIdx.x; i < vocabulary; i += LOSS_THREADS) {
      const float log_q = student[i] * inverse - q_log;
      const float log_p = teacher[i] * inverse - p_log;
      const float p = __expf(log_p);
      forward += p * (log_p - log_q);
      if (loss.reverse_kl > 0 || loss.jsd > 0) {
        const float q = __expf(log_q);
        reverse += q * (log_q - log_p);
        if (loss.jsd > 0) {
          const float log_m = log_mean(log_p, log_q);
          mean_q += q * (log_q - log_m);
          mean_p += p * (log_p - log_m);
        }
      }
    }
    forward = block_total(forward);
    total += loss.forward_kl * forward;
    if (loss.reverse_kl > 0 || loss.jsd > 0) {
      reverse = block_total(reverse);
      mean_q = block_total(mean_q);
      mean_p = block_total(mean_p);
      total += loss.reverse_kl * reverse + loss.jsd * 0.5f * (mean_p + mean_q);
    }
    total *= tau * tau;
  }
  const int target = loss.cross_entropy > 0 ? targets[token] : -1;
  if (target >= 0) {
    total += loss.cross_entropy * (ce_log - student[target]);
  }
  // Every thread has read what it needs before the first one writes.
  __syncthreads();
  const float scale = weight * tau;
  for (int64_t i = threadIdx.x; i < vocabulary; i += LOSS_THREADS) {
    const float z = student[i];
    const float log_q = z * inverse - q_log;
    const float q = __expf(log_q);
    float gradient = 0;
    if (divergences) {
      const float log_p = teacher[i] * inverse - p_log;
      gradient = loss.forward_kl * (q - __expf(log_p));
      if (loss.reverse_kl > 0) {
        gradient += loss.reverse_kl * q * (log_q - log_p - reverse);
      }
      if (loss.jsd > 0) {
        gradient += 0.5f * loss.jsd * q * (log_q - log_mean(log_p, log_q) - mean_q);
      }
      gradient *= scale;
    }
    if (loss.cross_entropy > 0) {
      gradient += weight * loss.cross_entropy * (__expf(z - ce_log) - (i == target ? 1.0f : 0.0f));
    }
    student[i] = gradient;
  }
  if (threadIdx.x == 0) {
    losses[token] = total;
  }
}

unsigned blocks_for(int64_t n, int threads) {
  return (unsigned) ((n + threads - 1) / threads);
}

}  // namespace

struct whittle_cuda {
  int device;
  cudaStream_t stream;
  double * partial;
  double * results;
  float * norms;
  int32_t * indices;
  int64_t index_capacity;
};

namespace {

int last_error() {
  return (int) cudaGetLastError();
}

// Makes room for integers that come from the host.
int reserve_indices(whittle_cuda * h, int64_t needed) {
  if (needed <= h->index_capacity) {
    return 0;
  }
  cudaStreamSynchronize(h->stream);
  cudaFree(h->indices);
  h->index_capacity = 0;
  const cudaError_t made = cudaMalloc(&h->indices, needed * sizeof(int32_t));
  if (made != cudaSuccess) {
    h->indices = nullptr;
    return (int) made;
  }
  h->index_capacity = needed;
  return 0;
}

template <class Format>
int encode(
    whittle_cuda * h, const float * x, const float * importance, void * blocks, int64_t rows, int64_t row_length) {
  constexpr int TEAM = Format::SIZE / SHARE;
  const int64_t count = rows * row_length / Format::SIZE;
  encode_blocks<Format><<<blocks_for(count * TEAM, ENCODE_THREADS), ENCODE_THREADS, 0, h->stream>>>(
      x, importance, (typename Format::Block *) blocks, count, row_length);
  return last_error();
}

template <class Format>
int round(whittle_cuda * h, const float * x, void * blocks, int64_t n) {
  constexpr int TEAM = Format::SIZE / SHARE;
  const int64_t count = n / Format::SIZE;
  round_blocks<Format><<<blocks_for(count * TEAM, ENCODE_THREADS), ENCODE_THREADS, 0, h->stream>>>(
      x, (typename Format::Block *) blocks, count);
  return last_error();
}

int round_half(whittle_cuda * h, int type, const float * x, void * y, int64_t n) {
  round_to_half<<<blocks_for(n, 256), 256, 0, h->stream>>>(x, (uint16_t *) y, n, type == BF16);
  return last_error();
}

template <class Format>
int decode(
    whittle_cuda * h, const void * blocks, void * decoded, void * transposed, int64_t rows, int64_t row_length) {
  const dim3 grid(blocks_for(row_length, TILE_COLUMNS), blocks_for(rows, TILE_ROWS));
  decode_tile<Format><<<grid, 256, 0, h->stream>>>(
      (const typename Format::Block *) blocks, (uint16_t *) decoded, (uint16_t *) transposed, rows, row_length);
  return last_error();
}

// Does the work for the block format of a type: work(format).
template <class Work>
int with_format(int type, Work work) {
  switch (type) {
    case TYPE_Q4_0: return work(Q4_0());
    case TYPE_Q8_0: return work(Q8_0());
    case TYPE_Q2_K: return work(Q2_K());
    case TYPE_Q3_K: return work(Q3_K());
    case TYPE_Q4_K: return work(Q4_K());
    case TYPE_Q5_K: return work(Q5_K());
    case TYPE_Q6_K: return work(Q6_K());
    case TYPE_IQ4_NL: return work(IQ4_NL());
    case TYPE_TQ2_0: return work(TQ2_0());
    case TYPE_MXFP4: return work(MXFP4());
    case TYPE_Q2_0: return work(Q2_0());
    default: return (int) cudaErrorInvalidValue;
  }
}

}  // namespace

int whittle_cuda_interface(void) {
  return WHITTLE_CUDA_INTERFACE;
}

whittle_cuda * whittle_cuda_open(int device) {
  if (cudaSetDevice(device) != cudaSuccess) {
    return nullptr;
  }
  whittle_cuda * h = new whittle_cuda();
  h->device = device;
  h->index_capacity = 0;
  h->indices = nullptr;
  if (cudaStreamCreateWithFlags(&h->stream, cudaStreamNonBlocking) != cudaSuccess
      || cudaMalloc(&h->partial, REDUCE_BLOCKS * sizeof(double)) != cudaSuccess
      || cudaMalloc(&h->results, SLOTS * sizeof(double)) != cudaSuccess
      || cudaMalloc(&h->norms, NORM_BLOCKS * NORM_GREATEST * sizeof(float)) != cudaSuccess) {
    delete h;
    return nullptr;
  }
  return h;
}

void whittle_cuda_close(whittle_cuda * h) {
  cudaSetDevice(h->device);
  cudaStreamSynchronize(h->stream);
  cudaStreamDestroy(h->stream);
  cudaFree(h->partial);
  cudaFree(h->results);
  cudaFree(h->norms);
  cudaFree(h->indices);
  delete h;
}

const char * whittle_cuda_describe(int error) {
  return cudaGetErrorString((cudaError_t) error);
}

int whittle_cuda_synchronize(whittle_cuda * h) {
  cudaSetDevice(h->device);
  return (int) cudaStreamSynchronize(h->stream);
}

int whittle_cuda_sum_of_squares(whittle_cuda * h, const float * x, int64_t n, int slot) {
  cudaSetDevice(h->device);
  if (slot < 0 || slot >= SLOTS) {
    return (int) cudaErrorInvalidValue;
  }
  unsigned blocks = blocks_for(n, REDUCE_THREADS * 8);
  blocks = blocks > REDUCE_BLOCKS ? REDUCE_BLOCKS : blocks;
  square_sums<<<blocks, REDUCE_THREADS, 0, h->stream>>>(x, n, h->partial);
  sum_partials<<<1, REDUCE_THREADS, 0, h->stream>>>(h->partial, (int) blocks, h->results + slot);
  return last_error();
}

int whittle_cuda_results(whittle_cuda * h, double * results, int count) {
  cudaSetDevice(h->device);
  const cudaError_t copied =
      cudaMemcpyAsync(results, h->results, count * sizeof(double), cudaMemcpyDeviceToHost, h->stream);
  return copied != cudaSuccess ? (int) copied : (int) cudaStreamSynchronize(h->stream);
}

int whittle_cuda_adamw(
    whittle_cuda * h, float * weight, const float * gradient, float * first, float * second, int64_t n, float scale,
    float beta1, float beta2, float epsilon, float rate, float keep, float inverse2) {
  cudaSetDevice(h->device);
  adamw<<<blocks_for(n, 256), 256, 0, h->stream>>>(
      weight, gradient, first, second, n, scale, beta1, beta2, epsilon, rate, keep, inverse2);
  return last_error();
}

int whittle_cuda_add_rows(
    whittle_cuda * h, float * target, const float * rows, int64_t width, const int32_t * ids, const int32_t * starts,
    const int32_t * order, int32_t count, int32_t total) {
  cudaSetDevice(h->device);
  const int grown = reserve_indices(h, 2 * (int64_t) count + 1 + total);
  if (grown != 0) {
    return grown;
  }
  int32_t * ids_dev = h->indices;
  int32_t * starts_dev = ids_dev + count;
  int32_t * order_dev = starts_dev + count + 1;
  // From pageable memory these return only when the source may change again.
  cudaMemcpyAsync(ids_dev, ids, count * sizeof(int32_t), cudaMemcpyHostToDevice, h->stream);
  cudaMemcpyAsync(starts_dev, starts, (count + 1) * sizeof(int32_t), cudaMemcpyHostToDevice, h->stream);
  cudaMemcpyAsync(order_dev, order, total * sizeof(int32_t), cudaMemcpyHostToDevice, h->stream);
  const int threads = width < 256 ? (int) ((width + 31) / 32 * 32) : 256;
  const dim3 grid((unsigned) count, blocks_for(width, threads));
  add_rows<<<grid, threads, 0, h->stream>>>(target, rows, width, ids_dev, starts_dev, order_dev);
  return last_error();
}

int whittle_cuda_encodes(int type) {
  const bool is_float = type == F32 || type == F16 || type == BF16;
  return is_float || with_format(type, [](auto) { return 0; }) == 0;
}

int whittle_cuda_encode(
    whittle_cuda * h, int type, const float * x, const float * importance, void * blocks, int64_t rows,
    int64_t row_length) {
  cudaSetDevice(h->device);
  if (type == F16 || type == BF16) {
    return round_half(h, type, x, blocks, rows * row_length);
  }
  return with_format(type, [&](auto format) {
    return encode<decltype(format)>(h, x, importance, blocks, rows, row_length);
  });
}

int whittle_cuda_round(
    whittle_cuda * h, int type, const float * x, void * blocks, int64_t rows, int64_t row_length) {
  cudaSetDevice(h->device);
  const int64_t n = rows * row_length;
  if (type == F16 || type == BF16) {
    return round_half(h, type, x, blocks, n);
  }
  return with_format(type, [&](auto format) { return round<decltype(format)>(h, x, blocks, n); });
}

int whittle_cuda_decode(
    whittle_cuda * h, int type, const void * blocks, void * decoded, void * transposed, int64_t rows,
    int64_t row_length) {
  cudaSetDevice(h->device);
  const auto work = [&](auto format) {
    return decode<decltype(format)>(h, blocks, decoded, transposed, rows, row_length);
  };
  switch (type) {
    case F32: return work(Float32());
    case F16: return work(Float16());
    case BF16: return work(BFloat16());
    default: return with_format(type, work);
  }
}

int whittle_cuda_wait_event(whittle_cuda * h, void * event) {
  cudaSetDevice(h->device);
  return (int) cudaStreamWaitEvent(h->stream, (cudaEvent_t) event, 0);
}

int whittle_cuda_record_event(whittle_cuda * h, void * event) {
  cudaSetDevice(h->device);
  return (int) cudaEventRecord((cudaEvent_t) event, h->stream);
}

int whittle_cuda_normalizes(int64_t n) {
  return n == 32 || n == 64 || n == 96 || n == 128 || n == 256 || n == 512 || n == 768 || n == 1024;
}

// Calls KERNEL(C) for rows of n elements.
#define WHITTLE_FOR_ROWS(n, KERNEL) \
  switch (n) {                      \
    case 32: KERNEL(1); break;      \
    case 64: KERNEL(2); break;      \
    case 96: KERNEL(3); break;      \
    case 128: KERNEL(4); break;     \
    case 256: KERNEL(8); break;     \
    case 512: KERNEL(16); break;    \
    case 768: KERNEL(24); break;    \
    case 1024: KERNEL(32); break;   \
    default: return (int) cudaErrorInvalidValue; \
  }

int whittle_cuda_rms_norm(
    whittle_cuda * h, const float * x, const float * weight, float * y, int64_t n, int64_t rows, float epsilon) {
  cudaSetDevice(h->device);
#define WHITTLE_NORM(C) \
  rms_norm<C><<<blocks_for(rows, NORM_WARPS), NORM_THREADS, 0, h->stream>>>(x, weight, y, rows, epsilon)
  WHITTLE_FOR_ROWS(n, WHITTLE_NORM)
#undef WHITTLE_NORM
  return last_error();
}

int whittle_cuda_rms_norm_back(
    whittle_cuda * h, const float * gradient, const float * x, const float * weight, float * dx,
    float * weight_gradient, int64_t n, int64_t rows, float epsilon) {
  cudaSetDevice(h->device);
  unsigned blocks = blocks_for(rows, NORM_WARPS);
  blocks = blocks > NORM_BLOCKS ? NORM_BLOCKS : blocks;
#define WHITTLE_NORM_BACK(C) \
  rms_norm_back<C><<<blocks, NORM_THREADS, 0, h->stream>>>(gradient, x, weight, dx, h->norms, rows, epsilon)
  WHITTLE_FOR_ROWS(n, WHITTLE_NORM_BACK)
#undef WHITTLE_NORM_BACK
  add_partials<<<blocks_for(n, 8), 256, 0, h->stream>>>(h->norms, (int) blocks, (int) n, weight_gradient);
  return last_error();
}

int whittle_cuda_rope(
    whittle_cuda * h, const float * x, const int32_t * positions, const float * factors, float * y, int64_t head,
    int64_t heads, int64_t tokens, float base, float scale, float direction) {
  cudaSetDevice(h->device);
  const int64_t pairs = head / 2 * heads * tokens;
  const float exponent = -2 * log2f(base) / (float) head;
  rope<<<blocks_for(pairs, 256), 256, 0, h->stream>>>(
      x, positions, factors, y, head / 2, heads, pairs, exponent, scale, direction);
  return last_error();
}

int whittle_cuda_causal_softmax(
    whittle_cuda * h, const float * x, const int32_t * starts, float * y, int64_t length, int64_t heads, int64_t rows,
    float scale) {
  cudaSetDevice(h->device);
  const int64_t lines = length * heads * rows;
  causal_softmax<<<blocks_for(lines, 8), 256, 0, h->stream>>>(x, starts, y, (int) length, heads, lines, scale);
  return last_error();
}

int whittle_cuda_swiglu_back(
    whittle_cuda * h, const float * gradient, const float * gate, const float * up, float * gradients, int64_t n) {
  cudaSetDevice(h->device);
  swiglu_back<<<blocks_for(n, 256), 256, 0, h->stream>>>(gradient, gate, up, gradients, gradients + n, n);
  return last_error();
}

int whittle_cuda_loss_and_gradient(
    whittle_cuda * h, float * student, const float * teacher, const int32_t * targets, const float * weights,
    float * losses, int64_t vocabulary, int64_t tokens, whittle_cuda_loss loss) {
  cudaSetDevice(h->device);
  loss_and_gradient<<<(unsigned) tokens, LOSS_THREADS, 0, h->stream>>>(
      student, teacher, targets, weights, losses, vocabulary, loss);
  return last_error();
}

int whittle_cuda_enable_peer(whittle_cuda * h, int other) {
  cudaSetDevice(h->device);
  const cudaError_t enabled = cudaDeviceEnablePeerAccess(other, 0);
  // What went wrong here is not for the next one to find who asks.
  cudaGetLastError();
  return enabled == cudaErrorPeerAccessAlreadyEnabled ? 0 : (int) enabled;
}

int whittle_cuda_share_sum(whittle_cuda * h, float * own, float * peer, int64_t n) {
  cudaSetDevice(h->device);
  share_sum<<<blocks_for(n, 256), 256, 0, h->stream>>>(own, peer, n);
  return last_error();
}
