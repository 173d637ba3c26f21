package dev.whittle.quantization;

import dev.whittle.ggml.GgmlType;

/// TQ2_0: 256 values a block, each -1, 0 or 1 times a float16 scale.
///
/// For a scale `d` the best level of a value is its sign where its magnitude is above `d / 2`, and
/// for given levels the best scale is the weighted mean of the magnitudes that are kept (the
/// optimum of Ternary Weight Networks, Li et al. 2016, with weights). So the search runs over the
/// thresholds, and then alternates the two rules.
///
/// The layout is `block_tq2_0`: byte `32 h + m` holds the four values `128 h + m + 32 n`, the first
/// in its lowest two bits, as level plus one; the scale follows.
final class TernaryEncoder extends FittedEncoder {
  private static final int SIZE = 256;
  private static final int ALTERNATIONS = 2;

  TernaryEncoder() {
    super(GgmlType.TQ2_0);
  }

  @Override
  Fit newFit() {
    return new ThresholdSearch();
  }

  @Override
  void pack(float[] values, short scale, byte[] block) {
    int threshold = Float.floatToRawIntBits(Float.float16ToFloat(scale) / 2);
    for (int half = 0; half < 2; half++) {
      int in = half * 128;
      int out = half * 32;
      for (int m = 0; m < 32; m++) {
        block[out + m] =
            (byte)
                (code(values[in + m], threshold)
                    | code(values[in + m + 32], threshold) << 2
                    | code(values[in + m + 64], threshold) << 4
                    | code(values[in + m + 96], threshold) << 6);
      }
    }
    block[SIZE / 4] = (byte) scale;
    block[SIZE / 4 + 1] = (byte) (scale >> 8);
  }

  /// The level plus one, without a branch: the bits of magnitudes order as the magnitudes do.
  private static int code(float value, int threshold) {
    int bits = Float.floatToRawIntBits(value);
    int kept = (threshold - (bits & 0x7fff_ffff)) >>> 31;
    return 1 + kept - (kept & bits >>> 31) * 2;
  }

  private static final class ThresholdSearch implements Fit {
    private final MagnitudeHistogram above = new MagnitudeHistogram(0);

    @Override
    public short scale(float[] values, float[] weights, float greatest) {
      above.clear();
      float inverse = 1 / greatest;
      for (int i = 0; i < SIZE; i++) {
        float magnitude = Math.abs(values[i]);
        above.add(magnitude, magnitude * inverse, weights[i]);
      }
      above.accumulate();
      double[] sum = above.sum;
      double[] weight = above.weight;
      int best = 0;
      for (int i = 1; i < MagnitudeHistogram.BINS; i++) {
        // sum² / weight is what keeping the values above a threshold takes off the error.
        if (sum[i] * sum[i] * weight[best] > sum[best] * sum[best] * weight[i]) {
          best = i;
        }
      }
      if (weight[best] == 0) {
        return 0;
      }
      double keptSum = sum[best];
      double keptWeight = weight[best];
      for (int round = 0; round < ALTERNATIONS; round++) {
        float threshold = (float) (keptSum / keptWeight / 2);
        keptSum = 0;
        keptWeight = 0;
        for (int i = 0; i < SIZE; i++) {
          float magnitude = Math.abs(values[i]);
          // The sign bit instead of a comparison: a branch here would be a coin toss.
          double kept = weights[i] * (Float.floatToRawIntBits(threshold - magnitude) >>> 31);
          keptSum += kept * magnitude;
          keptWeight += kept;
        }
      }
      // Near the smallest float16 the scales are so coarse that ggml's choice can win.
      short fitted = roundScale(keptSum / keptWeight);
      short plain = roundScale(greatest);
      return gain(fitted, keptSum, keptWeight)
              >= gain(plain, sum[MagnitudeHistogram.HALF], weight[MagnitudeHistogram.HALF])
          ? fitted
          : plain;
    }

    /// How far a scale brings the error below that of a block of zeros.
    private static double gain(short scale, double sum, double weight) {
      double d = Float.float16ToFloat(scale);
      return d * (2 * sum - d * weight);
    }
  }
}
