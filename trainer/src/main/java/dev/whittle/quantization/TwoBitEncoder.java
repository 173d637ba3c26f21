package dev.whittle.quantization;

import dev.whittle.ggml.GgmlType;

/// Q2_0: 64 values a block, each -1, 0, 1 or 2 times a float16 scale, which may be negative.
///
/// The sign of the scale says on which side the long tail of levels lies. For both signs the search
/// runs over the thresholds between the levels, and then takes the nearest levels for the scale
/// that it found, and the best scale for those levels, `Σ w x q / Σ w q²`.
///
/// The layout is `block_q2_0`: the scale, then four values a byte, lowest bits first, as level plus
/// one.
final class TwoBitEncoder extends FittedEncoder {
  private static final int SIZE = 64;

  /// The second positive level begins at three times the threshold of the first, which is 6
  /// quarters of an octave higher, to the nearest bin.
  private static final int THREEFOLD = 6;

  TwoBitEncoder() {
    super(GgmlType.Q2_0);
  }

  @Override
  Fit newFit() {
    return new ThresholdSearch();
  }

  @Override
  void pack(float[] values, short scale, byte[] block) {
    float d = Float.float16ToFloat(scale);
    block[0] = (byte) scale;
    block[1] = (byte) (scale >> 8);
    Thresholds thresholds = new Thresholds(d);
    for (int i = 0; i < SIZE / 4; i++) {
      int code = 0;
      for (int n = 0; n < 4; n++) {
        code |= thresholds.level(values[4 * i + n]) + 1 << 2 * n;
      }
      block[2 + i] = (byte) code;
    }
  }

  /// Where the nearest level changes, for values that were multiplied by the scale's sign.
  private record Thresholds(float sign, float first, float second) {
    Thresholds(double scale) {
      this(scale < 0 ? -1 : 1, (float) (Math.abs(scale) / 2), (float) (Math.abs(scale) * 1.5));
    }

    int level(float value) {
      float x = value * sign;
      return negative(first - x) + negative(second - x) - negative(first + x);
    }

    /// 1 below zero, else 0; from the sign bit, because a branch here would be a coin toss.
    private static int negative(float difference) {
      return Float.floatToRawIntBits(difference) >>> 31;
    }
  }

  private static final class ThresholdSearch implements Fit {
    private final MagnitudeHistogram positive = new MagnitudeHistogram(THREEFOLD);
    private final MagnitudeHistogram negative = new MagnitudeHistogram(THREEFOLD);
    private final MagnitudeHistogram[] bySignBit = {positive, negative};

    @Override
    public short scale(float[] values, float[] weights, float greatest) {
      positive.clear();
      negative.clear();
      float inverse = 1 / greatest;
      for (int i = 0; i < SIZE; i++) {
        float magnitude = Math.abs(values[i]);
        int signBit = Float.floatToRawIntBits(values[i]) >>> 31;
        bySignBit[signBit].add(magnitude, magnitude * inverse, weights[i]);
      }
      positive.accumulate();
      negative.accumulate();

      Candidate up = refine(search(positive, negative, 1), values, weights);
      Candidate down = refine(search(negative, positive, -1), values, weights);
      return Candidate.NONE.orBetter(up).orBetter(down).orBetter(plain(greatest)).scale();
    }

    /// ggml's choice, which can win near the smallest float16, where scales are coarse.
    private Candidate plain(float greatest) {
      int half = MagnitudeHistogram.HALF;
      double sum = positive.sum[half] + negative.sum[half];
      double weight = positive.weight[half] + negative.weight[half];
      return Candidate.of(greatest, sum, weight);
    }

    private static double search(MagnitudeHistogram up, MagnitudeHistogram down, int sign) {
      double bestSum = 0;
      double bestWeight = 1;
      for (int i = 0; i < MagnitudeHistogram.BINS; i++) {
        double sum = up.sum[i] + up.sum[i + THREEFOLD] + down.sum[i];
        double weight = up.weight[i] + 3 * up.weight[i + THREEFOLD] + down.weight[i];
        if (sum * sum * bestWeight > bestSum * bestSum * weight) {
          bestSum = sum;
          bestWeight = weight;
        }
      }
      return sign * bestSum / bestWeight;
    }

    /// Takes the nearest levels for a scale, and then the best scale for those levels.
    private static Candidate refine(double scale, float[] values, float[] weights) {
      Thresholds thresholds = new Thresholds(scale);
      double sum = 0;
      double weight = 0;
      for (int i = 0; i < SIZE; i++) {
        int level = thresholds.level(values[i]);
        double weighted = (double) weights[i] * level;
        sum += weighted * values[i];
        weight += weighted * level;
      }
      return weight == 0 ? Candidate.NONE : Candidate.of(sum / weight, sum, weight);
    }
  }

  /// A scale and how far it brings the error below that of a block of zeros.
  private record Candidate(short scale, double gain) {
    static final Candidate NONE = new Candidate((short) 0, 0);

    /// @param scale the scale before it is rounded
    /// @param sum `Σ w x q`, and `weight` is `Σ w q²`, for the levels q in question
    static Candidate of(double scale, double sum, double weight) {
      short rounded = roundScale(scale);
      double d = Float.float16ToFloat(rounded);
      return new Candidate(rounded, d * (2 * sum - d * weight));
    }

    Candidate orBetter(Candidate other) {
      return other.gain > gain ? other : this;
    }
  }
}
