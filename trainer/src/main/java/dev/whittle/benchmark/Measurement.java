package dev.whittle.benchmark;

import java.util.Arrays;

/// What repeated measurements found.
///
/// @param median the middle one, which a disturbed one does not move; of an even number, the mean
///   of the two middle ones
/// @param min the least
/// @param max the greatest
public record Measurement(double median, double min, double max) {

  /// @throws IllegalArgumentException if there are no values
  static Measurement of(double... values) {
    if (values.length == 0) {
      throw new IllegalArgumentException("nothing was measured");
    }
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    double median =
        sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return new Measurement(median, sorted[0], sorted[sorted.length - 1]);
  }
}
