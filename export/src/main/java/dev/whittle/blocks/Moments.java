package dev.whittle.blocks;

import java.util.Arrays;

/// Weighted sums over the elements that share a scale, for weights w, values x, levels q and
/// residuals r: the error of rounding them, and how it changes with the scale and the offset.
final class Moments {
  /// Σwrr, the error.
  final float[] rr;

  /// Σwrq, for formats without offsets: a change of the scale by rq / qq takes rq² / qq off the
  /// error.
  final float[] rq;

  /// Σwqq.
  final float[] qq;

  /// Σwxq, for formats with offsets, where x is what is above the offset.
  final float[] xq;

  /// Σwq, for formats with offsets.
  final float[] q;

  /// Room for what is computed on the way.
  final int[] scratch;

  final int[] fixed;

  Moments(int count) {
    scratch = new int[count];
    fixed = new int[count];
    rr = new float[count];
    rq = new float[count];
    qq = new float[count];
    xq = new float[count];
    q = new float[count];
  }

  static void clear(int count, float[]... sums) {
    for (float[] each : sums) {
      Arrays.fill(each, 0, count, 0);
    }
  }

  /// Adds up runs of `size` sums, in place.
  static void join(int size, int groups, float[]... sums) {
    if (size > 1) {
      for (float[] each : sums) {
        join(each, size, groups);
      }
    }
  }

  private static void join(float[] sums, int size, int groups) {
    for (int g = 0; g < groups; g++) {
      float sum = 0;
      for (int i = g * size; i < (g + 1) * size; i++) {
        sum += sums[i];
      }
      sums[g] = sum;
    }
  }
}
