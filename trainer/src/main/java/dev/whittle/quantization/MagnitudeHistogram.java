package dev.whittle.quantization;

import java.util.Arrays;

/// Sums of weights and of weighted magnitudes over all values above a threshold, for thresholds
/// spaced evenly enough in ratio, so that a search over scales costs nothing for each value.
///
/// Bin `i` holds magnitudes, relative to the greatest, of a quarter of an octave; bin 0 also holds
/// all that lies below. After [#accumulate()], the arrays hold the sums over a bin and all above
/// it.
final class MagnitudeHistogram {
  /// Bins an octave: the leading two bits of a float32's fraction.
  private static final int FRACTION_BITS = 2;

  private static final int SHIFT = 23 - FRACTION_BITS;
  private static final int OCTAVES = 8;
  private static final int TOP = Float.floatToRawIntBits(1f) >>> SHIFT;
  private static final int BOTTOM = TOP - (OCTAVES << FRACTION_BITS);

  /// The number of thresholds, lowest first. The lowest stands for zero.
  static final int BINS = TOP - BOTTOM + 1;

  /// The bin whose threshold is half the greatest magnitude, exactly.
  static final int HALF = BINS - 1 - (1 << FRACTION_BITS);

  /// The weights at or above a threshold.
  final double[] weight;

  /// The weighted magnitudes at or above a threshold.
  final double[] sum;

  /// @param padding bins beyond the top, always zero
  MagnitudeHistogram(int padding) {
    weight = new double[BINS + padding];
    sum = new double[BINS + padding];
  }

  void clear() {
    Arrays.fill(weight, 0);
    Arrays.fill(sum, 0);
  }

  /// @param magnitude not negative
  /// @param relative the same, divided by the greatest
  void add(float magnitude, float relative, float weight) {
    int bin = Math.max(0, (Float.floatToRawIntBits(relative) >>> SHIFT) - BOTTOM);
    this.weight[bin] += weight;
    sum[bin] += (double) weight * magnitude;
  }

  void accumulate() {
    for (int i = BINS - 2; i >= 0; i--) {
      weight[i] += weight[i + 1];
      sum[i] += sum[i + 1];
    }
  }
}
