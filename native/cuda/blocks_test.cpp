// Checks the encoders of blocks.cuh on the host: what they write decodes as ggml decodes it, and is
// no worse than what ggml_quantize_chunk writes. And that rounding leaves scales as they are, and
// gives the nearest of all that ggml decodes from blocks with these scales.

#include "blocks.cuh"

#include "ggml.h"

#include <algorithm>
#include <barrier>
#include <cstdio>
#include <limits>
#include <random>
#include <thread>
#include <vector>

using namespace whittle;

namespace {

// A team whose threads are threads of the host, in step at every exchange.
struct Meeting {
  explicit Meeting(int size) : size(size), barrier(size), values(size) {}
  int size;
  std::barrier<> barrier;
  std::vector<float> values;
  Shared shared;
};

struct HostTeam {
  Meeting & meeting;
  int index;

  int rank() const { return index; }
  int size() const { return meeting.size; }
  Shared & shared() { return meeting.shared; }
  void sync() { meeting.barrier.arrive_and_wait(); }

  template <class Reduce>
  float reduce(float value, int width, Reduce reduce) {
    meeting.values[index] = value;
    sync();
    const int first = index / width * width;
    float result = meeting.values[first];
    for (int i = 1; i < width; ++i) {
      result = reduce(result, meeting.values[first + i]);
    }
    sync();
    return result;
  }

  template <int THREADS>
  float group_sum(float value) {
    return reduce(value, THREADS, [](float a, float b) { return a + b; });
  }
  template <int THREADS>
  float group_max(float value) {
    return reduce(value, THREADS, [](float a, float b) { return a > b ? a : b; });
  }
  float sum(float value) {
    return reduce(value, size(), [](float a, float b) { return a + b; });
  }
  float max(float value) {
    return reduce(value, size(), [](float a, float b) { return a > b ? a : b; });
  }
};

int failures = 0;

void check(bool holds, const char * type, const char * what, double got, double limit) {
  if (!holds) {
    ++failures;
    printf("%s: %s: %g, limit %g\n", type, what, got, limit);
  }
}

double error(const std::vector<float> & x, const std::vector<float> & y, const std::vector<float> & w) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sum += (double) w[i % w.size()] * (x[i] - y[i]) * (x[i] - y[i]);
  }
  return sum;
}

constexpr int ROW = 512;
constexpr int ROWS = 16;

// Does the work of each thread of a team on each block: work(team, block, where its values begin).
template <class Format, class Work>
void on_blocks(std::vector<typename Format::Block> & blocks, Work work) {
  constexpr int TEAM = Format::SIZE / SHARE;
  Meeting meeting(TEAM);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < TEAM; ++rank) {
    threads.emplace_back([&, rank] {
      HostTeam team{meeting, rank};
      for (size_t b = 0; b < blocks.size(); ++b) {
        work(team, blocks[b], b * Format::SIZE + rank * SHARE);
      }
    });
  }
  for (std::thread & t : threads) {
    t.join();
  }
}

template <class Format>
void round_to(std::vector<typename Format::Block> & blocks, const std::vector<float> & x) {
  on_blocks<Format>(blocks, [&](HostTeam & team, typename Format::Block & block, size_t at) {
    round_block<Format>(team, &x[at], block, &block);
  });
}

template <class Block>
std::vector<float> decode(ggml_type type, const std::vector<Block> & blocks) {
  std::vector<float> y(blocks.size() * ggml_blck_size(type));
  ggml_get_type_traits(type)->to_float(blocks.data(), y.data(), (int64_t) y.size());
  return y;
}

// Fills the bytes with the codes: those with their low bits, and those with the bits above.
template <class Block>
void fill_codes(Block & block, int low, int high) {
  if constexpr (requires { block.qs; }) {
    memset(block.qs, low, sizeof block.qs);
  }
  if constexpr (requires { block.ql; }) {
    memset(block.ql, low, sizeof block.ql);
  }
  if constexpr (requires { block.qh; }) {
    memset(block.qh, high, sizeof block.qh);
  }
  if constexpr (requires { block.hmask; }) {
    memset(block.hmask, high, sizeof block.hmask);
  }
}

// Rounds `x` to the levels of blocks.
template <class Format>
void test_rounding(ggml_type type, std::vector<typename Format::Block> blocks, const std::vector<float> & x) {
  const char * name = ggml_type_name(type);
  const std::vector<float> before = decode(type, blocks);
  std::vector<typename Format::Block> again = blocks;
  round_to<Format>(again, before);
  const std::vector<float> repeated = decode(type, again);
  for (size_t i = 0; i < x.size(); ++i) {
    check(repeated[i] == before[i], name, "a level is not rounded to itself", repeated[i], before[i]);
  }

  std::vector<typename Format::Block> rounded = blocks;
  round_to<Format>(rounded, x);
  std::vector<typename Format::Block> scales = blocks;
  std::vector<typename Format::Block> scales_rounded = rounded;
  for (size_t b = 0; b < blocks.size(); ++b) {
    fill_codes(scales[b], 0, 0);
    fill_codes(scales_rounded[b], 0, 0);
  }
  const bool same = memcmp(scales.data(), scales_rounded.data(), scales.size() * sizeof scales[0]) == 0;
  check(same, name, "rounding changes scales", 1, 0);

  std::vector<float> least(x.size(), std::numeric_limits<float>::infinity());
  for (int low = 0; low < 256; ++low) {
    // Ternary blocks have no fourth level, and Whittle does not use the lowest of Q8_0.
    const bool is_fourth = (low & (low >> 1) & 0x55) != 0;
    if ((type == GGML_TYPE_TQ2_0 && is_fourth) || (type == GGML_TYPE_Q8_0 && low == 0x80)) {
      continue;
    }
    for (int high : {0, 0x55, 0xaa, 0xff}) {
      for (auto & block : scales) {
        fill_codes(block, low, high);
      }
      const std::vector<float> level = decode(type, scales);
      for (size_t i = 0; i < x.size(); ++i) {
        least[i] = std::min(least[i], fabsf(x[i] - level[i]));
      }
    }
  }
  const std::vector<float> y = decode(type, rounded);
  for (size_t i = 0; i < x.size(); ++i) {
    const float distance = fabsf(x[i] - y[i]);
    // Next to the middle between two levels, single precision decides.
    check(distance <= least[i] * (1 + 1e-4f), name, "a nearer level was there", distance, least[i]);
  }
}

template <class Format>
void test(ggml_type type, double allowance) {
  const char * name = ggml_type_name(type);
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (int kind = 0; kind < 5; ++kind) {
    std::vector<float> x(ROW * ROWS);
    for (float & v : x) {
      const float z = normal(random);
      v = kind == 0 ? 0.02f * z : kind == 1 ? z * z * z : kind == 2 ? 0.0f : kind == 3 ? 0.3f : 1e-38f * z;
    }
    for (bool weighted : {false, true}) {
      std::vector<float> w(ROW, 1);
      if (weighted) {
        for (float & v : w) {
          const float z = normal(random);
          v = z * z + 0.01f;
        }
      }
      std::vector<typename Format::Block> blocks(x.size() / Format::SIZE);
      on_blocks<Format>(blocks, [&](HostTeam & team, typename Format::Block & block, size_t at) {
        Share s;
        for (int i = 0; i < SHARE; ++i) {
          s.x[i] = x[at + i];
          s.w[i] = w[(at + i) % ROW];
        }
        Format::encode(team, s, &block);
      });
      const std::vector<float> ours = decode(type, blocks);
      for (size_t i = 0; i < x.size(); ++i) {
        const float own = Format::decode(blocks[i / Format::SIZE], (int) (i % Format::SIZE));
        check(own == ours[i], name, "decodes otherwise than ggml", own, ours[i]);
      }
      std::vector<uint8_t> reference(ggml_row_size(type, ROW) * ROWS);
      ggml_quantize_chunk(type, x.data(), reference.data(), 0, ROWS, ROW, weighted ? w.data() : nullptr);
      std::vector<float> theirs(x.size());
      ggml_get_type_traits(type)->to_float(reference.data(), theirs.data(), (int64_t) x.size());
      const double e = error(x, ours, w);
      // On constant rows the reference is exact but for the scale's rounding, and a search among
      // equals may end at another scale of a sub-block, which is rounded to a few bits.
      const double slack = kind == 3 ? 1e-4 * error(x, std::vector<float>(x.size()), w) : 1e-60;
      const double limit = error(x, theirs, w) * allowance + slack;
      check(e <= limit, name, weighted ? "weighted error" : "error", e, limit);
      if (kind < 2) {
        printf("%-8s kind %d%s error / ggml's %.3f\n", name, kind, weighted ? " weighted" : "", e / error(x, theirs, w));
      }
      if (!weighted) {
        // As far from the values as training may move them, or to the middle between levels; scales
        // may be zero (kind 2) while the values are not.
        std::vector<float> moved(x);
        for (float & v : moved) {
          v = 1.5f * v + (kind < 4 ? 0.01f : 1e-38f) * normal(random);
        }
        test_rounding<Format>(type, blocks, moved);
      }
    }
  }
}

}  // namespace

int main() {
  // Tables that ggml's encoders want.
  ggml_quantize_init(GGML_TYPE_IQ4_NL);
  test<Q4_0>(GGML_TYPE_Q4_0, 1);
  test<Q8_0>(GGML_TYPE_Q8_0, 1.01);
  test<Q2_0>(GGML_TYPE_Q2_0, 1);
  test<TQ2_0>(GGML_TYPE_TQ2_0, 1);
  test<MXFP4>(GGML_TYPE_MXFP4, 1);
  test<IQ4_NL>(GGML_TYPE_IQ4_NL, 1.01);
  test<Q2_K>(GGML_TYPE_Q2_K, 1);
  test<Q3_K>(GGML_TYPE_Q3_K, 1);
  test<Q4_K>(GGML_TYPE_Q4_K, 1.01);
  test<Q5_K>(GGML_TYPE_Q5_K, 1.01);
  test<Q6_K>(GGML_TYPE_Q6_K, 1.01);
  printf(failures == 0 ? "all formats hold\n" : "%d checks failed\n", failures);
  return failures == 0 ? 0 : 1;
}
