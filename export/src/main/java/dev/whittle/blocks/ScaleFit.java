package dev.whittle.blocks;

import java.util.Arrays;

/// The scale of each sub-block of a tile with the least weighted squared error, before it is
/// encoded.
final class ScaleFit {
  private ScaleFit() {}

  /// Sets the best scales and their errors.
  ///
  /// @param candidates the levels on which to try the value of greatest magnitude
  static void fit(Tile tile, Levels levels, float[] candidates, int refinements) {
    int count = tile.subBlocks;
    Arrays.fill(tile.bestError, 0, count, Float.POSITIVE_INFINITY);
    boolean symmetric = levels.isSymmetric();
    for (float level : candidates) {
      for (int s = 0; s < count; s++) {
        float extreme = tile.extreme[s];
        tile.scale[s] = (symmetric ? Math.abs(extreme) : extreme) / level;
      }
      improve(tile, levels);
    }
    for (int i = 0; i < refinements; i++) {
      System.arraycopy(tile.bestScale, 0, tile.scale, 0, count);
      improve(tile, levels);
    }
  }

  /// Takes the scales for the levels that the tile's scales lead to.
  static void refine(Tile tile) {
    Moments m = tile.moments;
    for (int s = 0; s < tile.subBlocks; s++) {
      float change = m.qq[s] > 0 ? m.rq[s] / m.qq[s] : 0;
      tile.bestScale[s] = tile.scale[s] + change;
    }
  }

  /// The same where that is an improvement.
  private static void improve(Tile tile, Levels levels) {
    tile.round(levels);
    Moments m = tile.moments;
    for (int s = 0; s < tile.subBlocks; s++) {
      float change = m.qq[s] > 0 ? m.rq[s] / m.qq[s] : 0;
      float error = m.rr[s] - change * m.rq[s];
      if (error < tile.bestError[s]) {
        tile.bestError[s] = error;
        tile.bestScale[s] = tile.scale[s] + change;
      }
    }
  }
}
