package dev.whittle.blocks;

import java.util.Arrays;

/// The scale and the offset of each sub-block of a tile with the least weighted squared error,
/// before they are encoded.
final class MinimumFit {
  /// How much smaller than its terms a determinant must be to count as zero.
  private static final float SINGULAR = 1e-5f;

  private MinimumFit() {}

  /// Sets the best scales and offsets and their errors.
  ///
  /// @param highest the most an offset can be
  /// @param candidates pairs: which share of the values' range to cut off at the bottom and at the
  ///   top, before the levels are spread over the rest
  /// @param refinements how often to take the nearest levels for the best scale and offset, and the
  ///   best scale and offset for those levels
  static void fit(
      Tile tile, UniformLevels levels, float highest, float[][] candidates, int refinements) {
    int count = tile.subBlocks;
    Arrays.fill(tile.bestError, 0, count, Float.POSITIVE_INFINITY);
    for (float[] cut : candidates) {
      float steps = levels.highest() / (1 - cut[0] - cut[1]);
      for (int s = 0; s < count; s++) {
        float low = Math.min(tile.least[s], highest);
        float range = tile.greatest[s] - low;
        tile.scale[s] = range / steps;
        tile.offset[s] = low + cut[0] * range;
      }
      tile.roundWithOffset(levels);
      improve(tile, highest);
    }
    for (int i = 0; i < refinements; i++) {
      System.arraycopy(tile.bestScale, 0, tile.scale, 0, count);
      System.arraycopy(tile.bestOffset, 0, tile.offset, 0, count);
      tile.roundWithOffset(levels);
      improve(tile, highest);
    }
  }

  /// Takes the scales and offsets for the levels that the tile's lead to, where they are better.
  private static void improve(Tile tile, float highest) {
    solve(tile, highest);
    float[] error = tile.solvedError;
    for (int s = 0; s < tile.subBlocks; s++) {
      if (error[s] < tile.bestError[s]) {
        tile.bestError[s] = error[s];
        tile.bestScale[s] = tile.solvedScale[s];
        tile.bestOffset[s] = tile.solvedOffset[s];
      }
    }
  }

  /// Takes the scales and offsets for the levels that the tile's lead to.
  static void refine(Tile tile, float highest) {
    solve(tile, highest);
    System.arraycopy(tile.solvedScale, 0, tile.bestScale, 0, tile.subBlocks);
    System.arraycopy(tile.solvedOffset, 0, tile.bestOffset, 0, tile.subBlocks);
  }

  private static void solve(Tile tile, float highest) {
    Moments m = tile.moments;
    int count = tile.subBlocks;
    solveOffsets(
        tile.weight, tile.sum, m.xq, m.q, m.qq, tile.offset, highest, tile.solvedOffset, count);
    solveScales(m.xq, m.q, m.qq, tile.offset, tile.solvedOffset, tile.solvedScale, count);
    sumErrors(
        tile.weight,
        tile.sum,
        tile.squares,
        m.xq,
        m.q,
        m.qq,
        tile.offset,
        tile.solvedScale,
        tile.solvedOffset,
        tile.solvedError,
        count);
  }

  /// The offset of weighted least squares in two unknowns, the scale and the offset.
  private static void solveOffsets(
      float[] weight,
      float[] sum,
      float[] xq,
      float[] q,
      float[] qq,
      float[] offset,
      float highest,
      float[] solved,
      int count) {
    for (int s = 0; s < count; s++) {
      // xq is of what is above the offset.
      float x = sum[s] - offset[s] * weight[s];
      float product = qq[s] * weight[s];
      // All levels alike leave it open how to divide them up between scale and offset.
      float determinant = Math.max(product - q[s] * q[s], SINGULAR * product + Float.MIN_NORMAL);
      float change = (qq[s] * x - q[s] * xq[s]) / determinant;
      solved[s] = Math.min(highest, offset[s] + change);
    }
  }

  /// The best scales for those offsets.
  private static void solveScales(
      float[] xq,
      float[] q,
      float[] qq,
      float[] offset,
      float[] solvedOffset,
      float[] solved,
      int count) {
    for (int s = 0; s < count; s++) {
      float change = solvedOffset[s] - offset[s];
      solved[s] = (xq[s] - change * q[s]) / Math.max(qq[s], Float.MIN_NORMAL);
    }
  }

  private static void sumErrors(
      float[] weight,
      float[] sum,
      float[] squares,
      float[] xq,
      float[] q,
      float[] qq,
      float[] offset,
      float[] solvedScale,
      float[] solvedOffset,
      float[] error,
      int count) {
    for (int s = 0; s < count; s++) {
      float scale = solvedScale[s];
      float to = solvedOffset[s];
      float change = to - offset[s];
      float xx = squares[s] - to * (2 * sum[s] - to * weight[s]);
      error[s] = xx + scale * (scale * qq[s] - 2 * (xq[s] - change * q[s]));
    }
  }
}
