// GGUF block formats: decoding of single elements, encoders that fit the scales, and rounding under
// scales that are there.
//
// The layouts are those of ggml-common.h; decoding rounds as ggml's dequantize_row_* do (compile
// without fused multiply-add). A block is encoded by a team of threads, each with 16 neighbouring
// values of it, so that the search stays in registers. All code here also compiles for the host,
// where a test checks it against ggml.

#pragma once

#include <cstdint>
#include <cstring>
#include <cmath>

#if defined(__CUDACC__)
#include <cuda_fp16.h>
#define WHITTLE_BOTH __host__ __device__
#else
#define WHITTLE_BOTH
#endif

namespace whittle {

// Values that one thread of a team holds.
constexpr int SHARE = 16;

constexpr float GREATEST = 3.4028235e38f;

// ---------------------------------------------------------------------------------------------
// Numbers
// ---------------------------------------------------------------------------------------------

WHITTLE_BOTH inline float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

WHITTLE_BOTH inline uint32_t to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

WHITTLE_BOTH inline float half_to_float(uint16_t half) {
#if defined(__CUDA_ARCH__)
  return __half2float(__ushort_as_half(half));
#else
  const uint32_t sign = (uint32_t) (half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 0x1f;
  const uint32_t mantissa = half & 0x3ff;
  if (exponent == 0) {
    const float magnitude = (float) mantissa * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const uint32_t bits = exponent == 0x1f ? 0x7f800000u | (mantissa << 13)
                                         : ((exponent + 112) << 23) | (mantissa << 13);
  return from_bits(sign | bits);
#endif
}

// To the nearest, ties to even; what is beyond float16 becomes its greatest value.
WHITTLE_BOTH inline uint16_t float_to_half(float value) {
  value = fminf(fmaxf(value, -65504.0f), 65504.0f);
#if defined(__CUDA_ARCH__)
  return __half_as_ushort(__float2half_rn(value));
#else
  const uint32_t bits = to_bits(value);
  const uint16_t sign = (uint16_t) ((bits >> 16) & 0x8000);
  const float magnitude = fabsf(value);
  if (magnitude < 0x1p-14f) {
    // Subnormal: the addition rounds to a multiple of 2^-24.
    return (uint16_t) (sign | (to_bits(magnitude + 0.5f) - to_bits(0.5f)));
  }
  const uint32_t m = bits & 0x7fffffff;
  return (uint16_t) (sign | ((m - 0x38000000u + 0xfff + ((m >> 13) & 1)) >> 13));
#endif
}

WHITTLE_BOTH inline uint16_t float_to_bf16(float value) {
  const uint32_t bits = to_bits(value);
  return (uint16_t) ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

WHITTLE_BOTH inline float bf16_to_float(uint16_t value) {
  return from_bits((uint32_t) value << 16);
}

WHITTLE_BOTH inline int clamp(int value, int low, int high) {
  return value < low ? low : value > high ? high : value;
}

WHITTLE_BOTH inline int nearest_in(float value, int low, int high) {
  return (int) rintf(fminf(fmaxf(value, (float) low), (float) high));
}

// The power of two of a shared exponent, halved as ggml's table of doubled FP4 values wants it.
WHITTLE_BOTH inline float e8m0_to_float_half(uint8_t e) {
  return from_bits(e < 2 ? 0x00200000u << e : (uint32_t) (e - 1) << 23);
}

WHITTLE_BOTH inline int fp4_value(int code) {
  const int magnitude = (0xC8643210u >> (4 * (code & 7))) & 15;
  return code & 8 ? -magnitude : magnitude;
}

WHITTLE_BOTH inline int iq4nl_value(int code) {
  const int8_t values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  return values[code];
}

// ---------------------------------------------------------------------------------------------
// Blocks
// ---------------------------------------------------------------------------------------------

struct BlockQ4_0 { uint16_t d; uint8_t qs[16]; };
struct BlockQ8_0 { uint16_t d; int8_t qs[32]; };
struct BlockQ2_0 { uint16_t d; uint8_t qs[16]; };
struct BlockTQ2_0 { uint8_t qs[64]; uint16_t d; };
struct BlockMXFP4 { uint8_t e; uint8_t qs[16]; };
struct BlockIQ4_NL { uint16_t d; uint8_t qs[16]; };
struct BlockQ2_K { uint8_t scales[16]; uint8_t qs[64]; uint16_t d; uint16_t dmin; };
struct BlockQ3_K { uint8_t hmask[32]; uint8_t qs[64]; uint8_t scales[12]; uint16_t d; };
struct BlockQ4_K { uint16_t d; uint16_t dmin; uint8_t scales[12]; uint8_t qs[128]; };
struct BlockQ5_K { uint16_t d; uint16_t dmin; uint8_t scales[12]; uint8_t qh[32]; uint8_t qs[128]; };
struct BlockQ6_K { uint8_t ql[128]; uint8_t qh[64]; int8_t scales[16]; uint16_t d; };

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ8_0) == 34 && sizeof(BlockQ2_0) == 18, "layout");
static_assert(sizeof(BlockTQ2_0) == 66 && sizeof(BlockMXFP4) == 17 && sizeof(BlockIQ4_NL) == 18, "layout");
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144, "layout");
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210, "layout");

// What the threads of a team share while they encode a block: integers, and scales of sub-blocks.
struct Shared {
  uint8_t codes[256];
  uint8_t scales[16];
  uint8_t mins[16];
};

// ---------------------------------------------------------------------------------------------
// Searches
// ---------------------------------------------------------------------------------------------

// Values and weights of one thread.
struct Share {
  float x[SHARE];
  float w[SHARE];
};

// Formats with one scale for the block: y = d * level(code).
template <class Format, class Team>
WHITTLE_BOTH float fit_single(Team & team, const Share & s) {
  float extreme = 0;
  for (int i = 0; i < SHARE; ++i) {
    if (fabsf(s.x[i]) > fabsf(extreme)) {
      extreme = s.x[i];
    }
  }
  const float highest = team.max(extreme);
  const float lowest = -team.max(-extreme);
  extreme = highest >= -lowest ? highest : lowest;
  if (!(fabsf(extreme) > 0x1p-25f)) {
    return 0;
  }
  float best = 0;
  float best_gain = 0;
  for (int k = 0; k < Format::CANDIDATES; ++k) {
    // Half of the candidates put the extreme value at the lowest level, half at the highest.
    const float level = (k & 1) ? Format::HIGHEST : Format::LOWEST;
    const float share = Format::LEAST + (1.05f - Format::LEAST) * (float) (k | 1) / Format::CANDIDATES;
    float d = extreme / level * share;
    for (int round = 0; round < 3; ++round) {
      float xy = 0;
      float yy = 0;
      const float inverse = 1 / d;
      for (int i = 0; i < SHARE; ++i) {
        const float level_i = Format::level(Format::nearest(s.x[i] * inverse));
        xy += s.w[i] * s.x[i] * level_i;
        yy += s.w[i] * level_i * level_i;
      }
      xy = team.sum(xy);
      yy = team.sum(yy);
      if (!(yy > 0) || xy == 0) {
        break;
      }
      const float gain = xy * xy / yy;
      d = xy / yy;
      if (gain > best_gain) {
        best_gain = gain;
        best = d;
      }
    }
  }
  return best;
}

// One sub-block of a k-quant without minimum: y = scale * q, q in [LOW, HIGH]. The scale may be
// negative.
template <int LOW, int HIGH>
WHITTLE_BOTH float fit_symmetric(const Share & s) {
  float extreme = 0;
  for (int i = 0; i < SHARE; ++i) {
    if (fabsf(s.x[i]) > fabsf(extreme)) {
      extreme = s.x[i];
    }
  }
  if (!(fabsf(extreme) > 0x1p-40f)) {
    return 0;
  }
  float best = 0;
  float best_gain = 0;
  // With more levels the error depends less on where exactly the greatest value falls.
  const int step = HIGH - LOW > 8 ? 3 : 1;
  for (int k = -9; k <= 9; k += step) {
    for (int end = 0; end < 2; ++end) {
      const float inverse = (end == 0 ? LOW - 0.2f * k : HIGH + 0.2f * k) / extreme;
      float xy = 0;
      float yy = 0;
      for (int i = 0; i < SHARE; ++i) {
        const float q = rintf(fminf(fmaxf(s.x[i] * inverse, (float) LOW), (float) HIGH));
        xy += s.w[i] * s.x[i] * q;
        yy += s.w[i] * q * q;
      }
      if (yy > 0 && xy * xy > best_gain * yy) {
        best_gain = xy * xy / yy;
        best = xy / yy;
      }
    }
  }
  return best;
}

// The weighted sums over a sub-block that a scale and a minimum follow from.
struct Moments {
  float w, x, q, qq, xq;
};

template <int THREADS, class Team>
WHITTLE_BOTH Moments group_sum(Team & team, Moments m) {
  if (THREADS > 1) {
    m.w = team.template group_sum<THREADS>(m.w);
    m.x = team.template group_sum<THREADS>(m.x);
    m.q = team.template group_sum<THREADS>(m.q);
    m.qq = team.template group_sum<THREADS>(m.qq);
    m.xq = team.template group_sum<THREADS>(m.xq);
  }
  return m;
}

// The scale and the minimum (as y = scale * q - min, both not negative) of least squared error.
WHITTLE_BOTH inline void least_squares(const Moments & m, float & scale, float & min) {
  const float determinant = m.w * m.qq - m.q * m.q;
  // All integers alike leave it open how to divide the values up.
  if (determinant > 1e-5f * m.w * m.qq) {
    scale = (m.w * m.xq - m.x * m.q) / determinant;
    min = (m.q * m.xq - m.qq * m.x) / determinant;
  } else {
    scale = 0;
    min = m.w > 0 ? -m.x / m.w : 0;
  }
  if (min < 0) {
    min = 0;
    scale = m.qq > 0 ? m.xq / m.qq : 0;
  }
  if (scale < 0) {
    scale = 0;
    min = m.w > 0 ? fmaxf(0, -m.x / m.w) : 0;
  }
}

// What scale and minimum add to the squared error, less the part that no choice changes.
WHITTLE_BOTH inline float error_of(const Moments & m, float scale, float min) {
  return scale * scale * m.qq - 2 * scale * m.xq - 2 * scale * min * m.q + 2 * min * m.x + min * min * m.w;
}

// What a search for a scale and a minimum tries to cut off the range at the bottom and at the top:
// so many multiples of this share, times one over the highest level.
constexpr float CUT = 0.4f;
constexpr int BOTTOMS = 4;
constexpr int TOPS = 4;

// The sums over a sub-block for the integers that a scale and a minimum lead to.
//
// w, x: those that are the same for all integers
template <int THREADS, int HIGH, class Team>
WHITTLE_BOTH Moments moments_of(Team & team, const Share & s, float w, float x, float inverse, float min) {
  Moments m = {w, x, 0, 0, 0};
  for (int i = 0; i < SHARE; ++i) {
    const float q = rintf(fminf(fmaxf((s.x[i] + min) * inverse, 0), (float) HIGH));
    m.q += s.w[i] * q;
    m.qq += s.w[i] * q * q;
    m.xq += s.w[i] * s.x[i] * q;
  }
  if (THREADS > 1) {
    m.q = team.template group_sum<THREADS>(m.q);
    m.qq = team.template group_sum<THREADS>(m.qq);
    m.xq = team.template group_sum<THREADS>(m.xq);
  }
  return m;
}

// One sub-block of a k-quant with a minimum, held by THREADS threads. Candidates cut shares of the
// values' range off at the bottom and at the top before the levels are spread over the rest: the
// fewer the levels, the more.
template <int THREADS, int HIGH, class Team>
WHITTLE_BOTH void fit_affine(Team & team, const Share & s, float & scale, float & min) {
  float low = 0;
  float high = s.x[0];
  float w = 0;
  float x = 0;
  for (int i = 0; i < SHARE; ++i) {
    low = fminf(low, s.x[i]);
    high = fmaxf(high, s.x[i]);
    w += s.w[i];
    x += s.w[i] * s.x[i];
  }
  if (THREADS > 1) {
    high = team.template group_max<THREADS>(high);
    low = -team.template group_max<THREADS>(-low);
    w = team.template group_sum<THREADS>(w);
    x = team.template group_sum<THREADS>(x);
  }
  scale = 0;
  min = -low;
  float best_error = INFINITY;
  const float range = high - low;
  const float unit = CUT / HIGH;
  for (int k = 0; k <= BOTTOMS * TOPS; ++k) {
    float from = low + unit * (float) (k / TOPS) * range;
    float step = range * (1 - unit * (float) (k / TOPS + k % TOPS)) / HIGH;
    if (k == BOTTOMS * TOPS) {
      // Once more from the best.
      from = -min;
      step = scale;
    }
    const Moments m = moments_of<THREADS, HIGH>(team, s, w, x, step > 0 ? 1 / step : 0, -from);
    float a;
    float b;
    least_squares(m, a, b);
    const float error = error_of(m, a, b);
    if (error < best_error) {
      best_error = error;
      scale = a;
      min = b;
    }
  }
}

WHITTLE_BOTH inline int quotient(float value, float unit, int high) {
  return unit > 0 ? nearest_in(value / unit, 0, high) : 0;
}

// Rounds of the alternation between integers and scales.
constexpr int ROUNDS = 4;

// A super-block with quantized scales and minima, y = d * scale * q - dmin * min: each thread ends
// with its codes, its scale and its minimum. THREADS threads share a sub-block.
template <int THREADS, int HIGH, int SCALE_HIGH, class Team>
WHITTLE_BOTH void fit_affine_block(
    Team & team, const Share & s, uint8_t * codes, uint8_t & scale, uint8_t & min, uint16_t & d, uint16_t & dmin) {
  float a;
  float b;
  fit_affine<THREADS, HIGH>(team, s, a, b);
  float unit = half_to_float(float_to_half(team.max(a) / SCALE_HIGH));
  float min_unit = half_to_float(float_to_half(team.max(b) / SCALE_HIGH));
  int ia = quotient(a, unit, SCALE_HIGH);
  int ib = quotient(b, min_unit, SCALE_HIGH);
  float best_error = INFINITY;
  scale = 0;
  min = 0;
  d = 0;
  dmin = 0;
  for (int i = 0; i < SHARE; ++i) {
    codes[i] = 0;
  }
  for (int round = 0; round <= ROUNDS; ++round) {
    const float step = unit * ia;
    const float offset = min_unit * ib;
    const float inverse = step > 0 ? 1 / step : 0;
    Moments m = {0, 0, 0, 0, 0};
    float error = 0;
    uint8_t q[SHARE];
    for (int i = 0; i < SHARE; ++i) {
      const int code = nearest_in((s.x[i] + offset) * inverse, 0, HIGH);
      q[i] = (uint8_t) code;
      const float c = (float) code;
      const float e = s.x[i] - (step * c - offset);
      error += s.w[i] * e * e;
      m.w += s.w[i];
      m.x += s.w[i] * s.x[i];
      m.q += s.w[i] * c;
      m.qq += s.w[i] * c * c;
      m.xq += s.w[i] * s.x[i] * c;
    }
    error = team.sum(error);
    if (error < best_error) {
      best_error = error;
      scale = (uint8_t) ia;
      min = (uint8_t) ib;
      d = float_to_half(unit);
      dmin = float_to_half(min_unit);
      for (int i = 0; i < SHARE; ++i) {
        codes[i] = q[i];
      }
    }
    if (round == ROUNDS) {
      break;
    }
    m = group_sum<THREADS>(team, m);
    least_squares(m, a, b);
    ia = quotient(a, unit, SCALE_HIGH);
    // The best minimum for the scale that it really gets.
    b = m.w > 0 ? (unit * ia * m.q - m.x) / m.w : 0;
    ib = quotient(b, min_unit, SCALE_HIGH);
    // Each of the THREADS threads adds the same sums of its sub-block, which scales both sides.
    const float aa = team.sum((float) (ia * ia) * m.qq);
    const float ab = team.sum((float) (ia * ib) * m.q);
    const float bb = team.sum((float) (ib * ib) * m.w);
    const float xa = team.sum(ia * m.xq);
    const float xb = team.sum(ib * m.x);
    const float determinant = aa * bb - ab * ab;
    float unit_next = unit;
    float min_next = min_unit;
    if (determinant > 1e-6f * aa * bb) {
      unit_next = (xa * bb - ab * xb) / determinant;
      min_next = (ab * xa - aa * xb) / determinant;
    } else if (aa > 0) {
      unit_next = (xa + min_unit * ab) / aa;
    }
    if (unit_next > 0) {
      unit = half_to_float(float_to_half(unit_next));
    }
    if (min_next >= 0) {
      min_unit = half_to_float(float_to_half(min_next));
    }
  }
}

// A super-block with quantized signed scales and no minima, y = d * scale * q. Codes are counted
// from LOW, scales from SCALE_LOW.
template <int LOW, int HIGH, int SCALE_LOW, int SCALE_HIGH, class Team>
WHITTLE_BOTH void fit_symmetric_block(
    Team & team, const Share & s, uint8_t * codes, uint8_t & scale, uint16_t & d) {
  float a = fit_symmetric<LOW, HIGH>(s);
  const float highest = team.max(a);
  const float lowest = -team.max(-a);
  // The sub-block with the greatest scale gets the lowest integer, of which there is one more.
  const float extreme = highest >= -lowest ? highest : lowest;
  float unit = half_to_float(float_to_half(extreme / SCALE_LOW));
  int ia = unit != 0 ? nearest_in(a / unit, SCALE_LOW, SCALE_HIGH) : 0;
  float best_error = INFINITY;
  scale = (uint8_t) -SCALE_LOW;
  d = 0;
  for (int i = 0; i < SHARE; ++i) {
    codes[i] = (uint8_t) -LOW;
  }
  for (int round = 0; round <= ROUNDS; ++round) {
    const float step = unit * ia;
    const float inverse = step != 0 ? 1 / step : 0;
    float error = 0;
    float xq = 0;
    float qq = 0;
    uint8_t q[SHARE];
    for (int i = 0; i < SHARE; ++i) {
      const int code = nearest_in(s.x[i] * inverse, LOW, HIGH);
      q[i] = (uint8_t) (code - LOW);
      const float c = (float) code;
      const float e = s.x[i] - step * c;
      error += s.w[i] * e * e;
      xq += s.w[i] * s.x[i] * c;
      qq += s.w[i] * c * c;
    }
    error = team.sum(error);
    if (error < best_error) {
      best_error = error;
      scale = (uint8_t) (ia - SCALE_LOW);
      d = float_to_half(unit);
      for (int i = 0; i < SHARE; ++i) {
        codes[i] = q[i];
      }
    }
    if (round == ROUNDS || unit == 0) {
      break;
    }
    if (qq > 0) {
      ia = nearest_in(xq / qq / unit, SCALE_LOW, SCALE_HIGH);
    }
    const float aa = team.sum((float) (ia * ia) * qq);
    const float xa = team.sum(ia * xq);
    if (aa > 0 && xa != 0) {
      unit = half_to_float(float_to_half(xa / aa));
    }
    if (unit == 0) {
      break;
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Rounding under scales that are there
// ---------------------------------------------------------------------------------------------

// How an element is decoded: y = scale * level(code) - min.
struct Scaling {
  float scale;
  float min;
};

// Where a thread of a team puts the codes of its values.
template <class Team>
WHITTLE_BOTH uint8_t * own_codes(Team & team) {
  return team.shared().codes + team.rank() * SHARE;
}

// Writes the team's codes; the scales stay as they are. No block, nothing written.
template <class Format, class Team>
WHITTLE_BOTH void write_codes(Team & team, typename Format::Block * block) {
  team.sync();
  if (block != nullptr) {
    Format::pack(team, *block);
  }
  team.sync();
}

// One over a scale is held below this, so that no value turns into infinity, and zero not into NaN.
constexpr float GREATEST_INVERSE = 1e30f;

// Rounds a block's values to the nearest levels under the scales of `scales`.
//
// Each operation is that of the host's encoders (BlockFormat.round in Java), which take values and
// scales relative to a power of two near the block's greatest value: the codes are the same. Under
// a scale of zero, values go to the last levels at both ends.
template <class Format, class Team>
WHITTLE_BOTH void round_block(
    Team & team, const float * x, const typename Format::Block & scales, typename Format::Block * block) {
  float greatest = 0;
  for (int i = 0; i < SHARE; ++i) {
    greatest = fmaxf(greatest, fabsf(x[i]));
  }
  const uint32_t exponent = to_bits(team.max(greatest)) & 0x7f800000;
  const float relative = 1 / from_bits(exponent > 0x00800000 ? exponent : 0x00800000);
  const Scaling s = Format::scaling(scales, team.rank() * SHARE);
  const float inverse = fminf(fmaxf(1 / (s.scale * relative), -GREATEST_INVERSE), GREATEST_INVERSE);
  const float min = s.min * relative;
  uint8_t * codes = own_codes(team);
  for (int i = 0; i < SHARE; ++i) {
    codes[i] = (uint8_t) Format::code((x[i] * relative + min) * inverse);
  }
  write_codes<Format>(team, block);
}

// The code nearest to a level where codes count whole numbers from that of level zero, `zero`;
// half-way the greater. It is the sum that is rounded, as on the host.
WHITTLE_BOTH inline int whole_code(float level, int zero, int highest, int lowest = 0) {
  return (int) fminf(fmaxf(level + (zero + 0.5f), (float) lowest), (float) highest);
}

// ---------------------------------------------------------------------------------------------
// Formats of SIZE elements a block
//
// decode(block, i): the value of an element
// scaling(block, i): what its level is scaled with
// code(level): the code nearest to a level, as the host's encoders choose it
// encode(team, share, block): fits scales, and writes the block
// pack(team, block): lays out the codes that the team shares
// ---------------------------------------------------------------------------------------------

// Encodes with one scale for the block, next to one that was fitted.
template <class Format, class Team>
WHITTLE_BOTH void encode_single(Team & team, const Share & s, float fitted, typename Format::Block * block) {
  const uint16_t d = float_to_half(fitted);
  const float step = half_to_float(d);
  const float inverse = step != 0 ? 1 / step : 0;
  uint8_t * codes = own_codes(team);
  for (int i = 0; i < SHARE; ++i) {
    codes[i] = (uint8_t) Format::nearest(s.x[i] * inverse);
  }
  if (block != nullptr && team.rank() == 0) {
    block->d = d;
  }
  write_codes<Format>(team, block);
}

// Nibbles of two halves in one byte, as the 32-element formats have them.
template <class Block, class Team>
WHITTLE_BOTH void pack_nibbles(Team & team, Block & block) {
  const uint8_t * codes = team.shared().codes;
  for (int j = team.rank(); j < 16; j += team.size()) {
    block.qs[j] = (uint8_t) (codes[j] | (codes[j + 16] << 4));
  }
}

struct Q4_0 {
  using Block = BlockQ4_0;
  static constexpr int SIZE = 32;
  static constexpr int CANDIDATES = 24;
  static constexpr float LOWEST = -8;
  static constexpr float HIGHEST = 7;
  static constexpr float LEAST = 0.6f;
  WHITTLE_BOTH static int nearest(float r) { return nearest_in(r, -8, 7) + 8; }
  WHITTLE_BOTH static float level(int code) { return (float) (code - 8); }
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    const int code = i < 16 ? b.qs[i] & 15 : b.qs[i - 16] >> 4;
    return (code - 8) * half_to_float(b.d);
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int) { return {half_to_float(b.d), 0}; }
  WHITTLE_BOTH static int code(float level) { return whole_code(level, 8, 15); }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    encode_single<Q4_0>(team, s, fit_single<Q4_0>(team, s), block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    pack_nibbles(team, block);
  }
};

struct IQ4_NL {
  using Block = BlockIQ4_NL;
  static constexpr int SIZE = 32;
  static constexpr int CANDIDATES = 24;
  static constexpr float LOWEST = -127;
  static constexpr float HIGHEST = 113;
  static constexpr float LEAST = 0.6f;
  WHITTLE_BOTH static int nearest(float r) {
    int low = 0;
    for (int step = 8; step > 0; step /= 2) {
      if (r > 0.5f * (iq4nl_value(low + step - 1) + iq4nl_value(low + step))) {
        low += step;
      }
    }
    return low;
  }
  WHITTLE_BOTH static float level(int code) { return (float) iq4nl_value(code); }
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    const int code = i < 16 ? b.qs[i] & 15 : b.qs[i - 16] >> 4;
    return half_to_float(b.d) * iq4nl_value(code);
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int) { return {half_to_float(b.d), 0}; }
  // The host compares whole multiples of 2^-16.
  WHITTLE_BOTH static int code(float level) { return nearest(truncf(level * 0x1p16f) * 0x1p-16f); }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    encode_single<IQ4_NL>(team, s, fit_single<IQ4_NL>(team, s), block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    pack_nibbles(team, block);
  }
};

struct MXFP4 {
  using Block = BlockMXFP4;
  static constexpr int SIZE = 32;
  WHITTLE_BOTH static int code(float level) {
    // Doubled FP4 magnitudes: 0 1 2 3 4 6 8 12. Half-way the even code, as OCP's specification has it.
    const float m = fabsf(level);
    const int magnitude = m <= 0.5f ? 0 : m < 1.5f ? 1 : m <= 2.5f ? 2 : m < 3.5f ? 3
                          : m <= 5 ? 4 : m < 7 ? 5 : m <= 10 ? 6 : 7;
    return level <= -0.5f ? magnitude | 8 : magnitude;
  }
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    const int code = i < 16 ? b.qs[i] & 15 : b.qs[i - 16] >> 4;
    return fp4_value(code) * e8m0_to_float_half(b.e);
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int) { return {e8m0_to_float_half(b.e), 0}; }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    float greatest = 0;
    for (int i = 0; i < SHARE; ++i) {
      greatest = fmaxf(greatest, fabsf(s.x[i]));
    }
    greatest = team.max(greatest);
    // With this exponent the greatest value lies in [4, 8) doubled: one lower saturates at 6.
    const int base = (int) (to_bits(greatest) >> 23) - 2;
    int best = 0;
    float best_error = INFINITY;
    for (int k = -1; k <= 1; ++k) {
      const int e = clamp(base + k, 0, 254);
      const float d = e8m0_to_float_half((uint8_t) e);
      const float inverse = 1 / d;
      float error = 0;
      for (int i = 0; i < SHARE; ++i) {
        const float y = inverse <= GREATEST ? fp4_value(code(s.x[i] * inverse)) * d : 0;
        error += s.w[i] * (s.x[i] - y) * (s.x[i] - y);
      }
      error = team.sum(error);
      if (error < best_error) {
        best_error = error;
        best = e;
      }
    }
    const float inverse = 1 / e8m0_to_float_half((uint8_t) best);
    uint8_t * codes = own_codes(team);
    for (int i = 0; i < SHARE; ++i) {
      codes[i] = inverse <= GREATEST ? (uint8_t) code(s.x[i] * inverse) : 0;
    }
    if (block != nullptr && team.rank() == 0) {
      block->e = (uint8_t) best;
    }
    write_codes<MXFP4>(team, block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    pack_nibbles(team, block);
  }
};

struct Q8_0 {
  using Block = BlockQ8_0;
  static constexpr int SIZE = 32;
  static constexpr int CANDIDATES = 4;
  static constexpr float LOWEST = -127;
  static constexpr float HIGHEST = 127;
  static constexpr float LEAST = 0.95f;
  WHITTLE_BOTH static int nearest(float r) { return nearest_in(r, -127, 127); }
  WHITTLE_BOTH static float level(int code) { return (float) code; }
  WHITTLE_BOTH static float decode(const Block & b, int i) { return b.qs[i] * half_to_float(b.d); }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int) { return {half_to_float(b.d), 0}; }
  WHITTLE_BOTH static int code(float level) { return whole_code(level, 128, 255, 1) - 128; }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    encode_single<Q8_0>(team, s, fit_single<Q8_0>(team, s), block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    for (int j = team.rank(); j < 32; j += team.size()) {
      block.qs[j] = (int8_t) team.shared().codes[j];
    }
  }
};

// Two bits an element, four to a byte.
struct Q2_0 {
  using Block = BlockQ2_0;
  static constexpr int SIZE = 64;
  static constexpr int CANDIDATES = 24;
  static constexpr float LOWEST = -1;
  static constexpr float HIGHEST = 2;
  static constexpr float LEAST = 0.2f;
  WHITTLE_BOTH static int nearest(float r) { return nearest_in(r, -1, 2) + 1; }
  WHITTLE_BOTH static float level(int code) { return (float) (code - 1); }
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    return (((b.qs[i / 4] >> (2 * (i % 4))) & 3) - 1) * half_to_float(b.d);
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int) { return {half_to_float(b.d), 0}; }
  WHITTLE_BOTH static int code(float level) { return whole_code(level, 1, 3); }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    encode_single<Q2_0>(team, s, fit_single<Q2_0>(team, s), block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    const uint8_t * codes = team.shared().codes;
    for (int j = team.rank(); j < 16; j += team.size()) {
      block.qs[j] = (uint8_t) (codes[4 * j] | codes[4 * j + 1] << 2 | codes[4 * j + 2] << 4 | codes[4 * j + 3] << 6);
    }
  }
};

// Where element i of 256 has its two bits: halves of 128 in 32 bytes each, four planes.
WHITTLE_BOTH inline int plane_byte(int i) { return i / 128 * 32 + i % 32; }
WHITTLE_BOTH inline int plane_shift(int i) { return 2 * (i % 128 / 32); }

// Two bits of each code, from `shift` on.
template <class Team>
WHITTLE_BOTH void pack_planes(Team & team, int shift, uint8_t * bytes) {
  const uint8_t * codes = team.shared().codes;
  for (int j = team.rank(); j < 64; j += team.size()) {
    int bits = 0;
    for (int k = 0; k < 4; ++k) {
      bits |= ((codes[j / 32 * 128 + j % 32 + 32 * k] >> shift) & 3) << (2 * k);
    }
    bytes[j] = (uint8_t) bits;
  }
}

// The highest bit of each of 256 codes, the one at `shift`, in 32 bytes: eight planes.
template <class Team>
WHITTLE_BOTH void pack_high_bits(Team & team, int shift, uint8_t * bytes) {
  const uint8_t * codes = team.shared().codes;
  for (int j = team.rank(); j < 32; j += team.size()) {
    int bits = 0;
    for (int k = 0; k < 8; ++k) {
      bits |= (codes[32 * k + j] >> shift) << k;
    }
    bytes[j] = (uint8_t) bits;
  }
}

struct TQ2_0 {
  using Block = BlockTQ2_0;
  static constexpr int SIZE = 256;
  static constexpr int CANDIDATES = 16;
  static constexpr float LOWEST = -1;
  static constexpr float HIGHEST = 1;
  static constexpr float LEAST = 0.15f;
  WHITTLE_BOTH static int nearest(float r) { return nearest_in(r, -1, 1) + 1; }
  WHITTLE_BOTH static float level(int code) { return (float) (code - 1); }
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    return (float) (((b.qs[plane_byte(i)] >> plane_shift(i)) & 3) - 1) * half_to_float(b.d);
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int) { return {half_to_float(b.d), 0}; }
  WHITTLE_BOTH static int code(float level) { return whole_code(level, 1, 2); }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    encode_single<TQ2_0>(team, s, fabsf(fit_single<TQ2_0>(team, s)), block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    pack_planes(team, 0, block.qs);
  }
};

struct Q2_K {
  using Block = BlockQ2_K;
  static constexpr int SIZE = 256;
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    const Scaling s = scaling(b, i);
    return s.scale * ((b.qs[plane_byte(i)] >> plane_shift(i)) & 3) - s.min;
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int i) {
    const uint8_t sc = b.scales[i / 16];
    return {half_to_float(b.d) * (sc & 15), half_to_float(b.dmin) * (sc >> 4)};
  }
  WHITTLE_BOTH static int code(float level) { return whole_code(level, 0, 3); }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    uint8_t scale;
    uint8_t min;
    uint16_t d;
    uint16_t dmin;
    fit_affine_block<1, 3, 15>(team, s, own_codes(team), scale, min, d, dmin);
    if (block != nullptr) {
      block->scales[team.rank()] = (uint8_t) (scale | (min << 4));
      if (team.rank() == 0) {
        block->d = d;
        block->dmin = dmin;
      }
    }
    write_codes<Q2_K>(team, block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    pack_planes(team, 0, block.qs);
  }
};

struct Q3_K {
  using Block = BlockQ3_K;
  static constexpr int SIZE = 256;
  WHITTLE_BOTH static int scale(const Block & b, int g) {
    const int low = g < 8 ? b.scales[g] & 15 : b.scales[g - 8] >> 4;
    const int high = (b.scales[8 + g % 4] >> (2 * (g / 4))) & 3;
    return (low | (high << 4)) - 32;
  }
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    const int low = (b.qs[plane_byte(i)] >> plane_shift(i)) & 3;
    const int high = (b.hmask[i % 32] >> (i / 32)) & 1;
    return scaling(b, i).scale * (low - (high ? 0 : 4));
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int i) { return {half_to_float(b.d) * scale(b, i / 16), 0}; }
  WHITTLE_BOTH static int code(float level) { return whole_code(level, 4, 7); }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    Shared & shared = team.shared();
    uint8_t scale;
    uint16_t d;
    fit_symmetric_block<-4, 3, -32, 31>(team, s, own_codes(team), scale, d);
    shared.scales[team.rank()] = scale;
    team.sync();
    if (block != nullptr) {
      if (team.rank() == 0) {
        block->d = d;
      }
      const int j = team.rank();
      if (j < 8) {
        block->scales[j] = (uint8_t) ((shared.scales[j] & 15) | ((shared.scales[j + 8] & 15) << 4));
      } else if (j < 12) {
        int bits = 0;
        for (int k = 0; k < 4; ++k) {
          bits |= (shared.scales[j - 8 + 4 * k] >> 4) << (2 * k);
        }
        block->scales[j] = (uint8_t) bits;
      }
    }
    write_codes<Q3_K>(team, block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    pack_planes(team, 0, block.qs);
    pack_high_bits(team, 2, block.hmask);
  }
};

// The six-bit scales and minima of eight sub-blocks in twelve bytes.
WHITTLE_BOTH inline void packed_scale(const uint8_t * q, int j, int & scale, int & min) {
  if (j < 4) {
    scale = q[j] & 63;
    min = q[j + 4] & 63;
  } else {
    scale = (q[j + 4] & 15) | ((q[j - 4] >> 6) << 4);
    min = (q[j + 4] >> 4) | ((q[j] >> 6) << 4);
  }
}

WHITTLE_BOTH inline uint8_t pack_scale(const Shared & s, int j) {
  if (j < 4) {
    return (uint8_t) (s.scales[j] | ((s.scales[j + 4] >> 4) << 6));
  }
  if (j < 8) {
    return (uint8_t) (s.mins[j - 4] | ((s.mins[j] >> 4) << 6));
  }
  return (uint8_t) ((s.scales[j - 4] & 15) | ((s.mins[j - 4] & 15) << 4));
}

template <class Block>
WHITTLE_BOTH Scaling scaling_affine32(const Block & b, int i) {
  int scale;
  int min;
  packed_scale(b.scales, i / 32, scale, min);
  return {half_to_float(b.d) * scale, half_to_float(b.dmin) * min};
}

template <class Format, int HIGH, class Team>
WHITTLE_BOTH void encode_affine32(Team & team, const Share & s, typename Format::Block * block) {
  Shared & shared = team.shared();
  uint8_t scale;
  uint8_t min;
  uint16_t d;
  uint16_t dmin;
  fit_affine_block<2, HIGH, 63>(team, s, own_codes(team), scale, min, d, dmin);
  shared.scales[team.rank() / 2] = scale;
  shared.mins[team.rank() / 2] = min;
  team.sync();
  if (block != nullptr) {
    if (team.rank() == 0) {
      block->d = d;
      block->dmin = dmin;
    }
    if (team.rank() < 12) {
      block->scales[team.rank()] = pack_scale(shared, team.rank());
    }
  }
  write_codes<Format>(team, block);
}

// The low four bits of codes, of two elements that lie `distance` apart in one byte.
template <class Team>
WHITTLE_BOTH void pack_low_bits(Team & team, int distance, uint8_t * bytes) {
  const uint8_t * codes = team.shared().codes;
  for (int j = team.rank(); j < 128; j += team.size()) {
    const int base = j / distance * 2 * distance + j % distance;
    bytes[j] = (uint8_t) ((codes[base] & 15) | ((codes[base + distance] & 15) << 4));
  }
}

struct Q4_K {
  using Block = BlockQ4_K;
  static constexpr int SIZE = 256;
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    const Scaling s = scaling(b, i);
    const uint8_t byte = b.qs[i / 64 * 32 + i % 32];
    return s.scale * (i % 64 < 32 ? byte & 15 : byte >> 4) - s.min;
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int i) { return scaling_affine32(b, i); }
  WHITTLE_BOTH static int code(float level) { return whole_code(level, 0, 15); }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    encode_affine32<Q4_K, 15>(team, s, block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    pack_low_bits(team, 32, block.qs);
  }
};

struct Q5_K {
  using Block = BlockQ5_K;
  static constexpr int SIZE = 256;
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    const Scaling s = scaling(b, i);
    const uint8_t byte = b.qs[i / 64 * 32 + i % 32];
    const int low = i % 64 < 32 ? byte & 15 : byte >> 4;
    const int high = (b.qh[i % 32] >> (i / 32)) & 1;
    return s.scale * (low + (high ? 16 : 0)) - s.min;
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int i) { return scaling_affine32(b, i); }
  WHITTLE_BOTH static int code(float level) { return whole_code(level, 0, 31); }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    encode_affine32<Q5_K, 31>(team, s, block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    pack_low_bits(team, 32, block.qs);
    pack_high_bits(team, 4, block.qh);
  }
};

struct Q6_K {
  using Block = BlockQ6_K;
  static constexpr int SIZE = 256;
  WHITTLE_BOTH static float decode(const Block & b, int i) {
    const int half = i / 128;
    const int quarter = i % 128 / 32;
    const uint8_t low = b.ql[half * 64 + (quarter & 1) * 32 + i % 32];
    const int nibble = quarter < 2 ? low & 15 : low >> 4;
    const int high = (b.qh[half * 32 + i % 32] >> (2 * quarter)) & 3;
    return scaling(b, i).scale * ((nibble | (high << 4)) - 32);
  }
  WHITTLE_BOTH static Scaling scaling(const Block & b, int i) { return {half_to_float(b.d) * b.scales[i / 16], 0}; }
  WHITTLE_BOTH static int code(float level) { return whole_code(level, 32, 63); }
  template <class Team>
  WHITTLE_BOTH static void encode(Team & team, const Share & s, Block * block) {
    uint8_t scale;
    uint16_t d;
    fit_symmetric_block<-32, 31, -128, 127>(team, s, own_codes(team), scale, d);
    if (block != nullptr) {
      block->scales[team.rank()] = (int8_t) ((int) scale - 128);
      if (team.rank() == 0) {
        block->d = d;
      }
    }
    write_codes<Q6_K>(team, block);
  }
  template <class Team>
  WHITTLE_BOTH static void pack(Team & team, Block & block) {
    pack_low_bits(team, 64, block.ql);
    pack_planes(team, 4, block.qh);
  }
};

}  // namespace whittle
