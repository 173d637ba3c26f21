package dev.whittle.benchmark;

import java.util.Arrays;

/// The middle of some measurements, which a disturbed one does not move.
final class Median {
  private Median() {}

  /// The middle value, or the mean of the two middle ones.
  static double of(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
