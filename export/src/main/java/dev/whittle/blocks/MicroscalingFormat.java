package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;
import java.util.Arrays;

/// A format of 4-bit floats whose scales are floats of 8 bits.
///
/// There are so few scales that the fit tries each of those around the one at which the greatest
/// value falls on the greatest level.
abstract sealed class MicroscalingFormat extends BlockFormat permits MXFP4, NVFP4 {
  /// The greatest level.
  private static final float TOP = 12;

  MicroscalingFormat(GgmlType type, int subBlocks) {
    super(type, subBlocks, new E2m1Levels());
  }

  /// The lowest and the highest code of a scale that is used.
  abstract int lowest();

  abstract int highest();

  /// What an encoded scale stands for.
  abstract float decode(int code);

  /// The code of the scale nearest to one, which is the lowest for one that is negative.
  abstract int nearest(double scale);

  /// How far below and above the first guess to search.
  abstract int below(Effort effort);

  abstract int above(Effort effort);

  @Override
  public final boolean hasOffsets() {
    return false;
  }

  @Override
  final void fit(Tile tile, Effort effort) {
    int[] guess = tile.integers;
    float[] unit = tile.scratch;
    for (int b = 0; b < tile.blocks; b++) {
      for (int s = tile.scales.first(b); s < tile.scales.end(b); s++) {
        unit[s] = tile.unit[b];
        guess[s] = nearest((double) Math.abs(tile.extreme[s]) * unit[s] / TOP);
      }
    }
    byte[] chosen = tile.scales.scaleCode;
    Arrays.fill(tile.bestError, 0, tile.subBlocks, Float.POSITIVE_INFINITY);
    for (int step = -below(effort); step <= above(effort); step++) {
      for (int s = 0; s < tile.subBlocks; s++) {
        tile.scale[s] = decode(moved(guess[s], step)) / unit[s];
      }
      tile.round(levels());
      for (int s = 0; s < tile.subBlocks; s++) {
        if (tile.moments.rr[s] < tile.bestError[s]) {
          tile.bestError[s] = tile.moments.rr[s];
          chosen[s] = (byte) moved(guess[s], step);
        }
      }
    }
    for (int s = 0; s < tile.subBlocks; s++) {
      tile.scales.scale[s] = decode(chosen[s] & 0xff);
    }
  }

  private int moved(int code, int by) {
    return Math.clamp(code + by, lowest(), highest());
  }

  @Override
  final void refit(Tile tile, Effort effort) {
    fit(tile, effort);
  }

  @Override
  final void represent(Scales scales, int block) {
    for (int s = scales.first(block); s < scales.end(block); s++) {
      int code = nearest(scales.scale[s]);
      scales.scaleCode[s] = (byte) code;
      scales.scale[s] = decode(code);
    }
  }
}
