package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// A format whose blocks have one scale, a float16.
///
/// The fit tries scales at which the value of greatest magnitude falls on, or a little beyond, the
/// end of the levels, and takes for each the least-squares scale of the levels that it leads to,
/// `Σwxq / Σwq²`. The best one is then refined: nearest levels for the scale, best scale for the
/// levels, and again.
abstract sealed class ScaleFormat extends BlockFormat
    permits Q1_0, Q2_0, Q4_0, Q5_0, Q8_0, TQ1_0, TQ2_0, IQ4_NL {
  ScaleFormat(GgmlType type, Levels levels) {
    super(type, 1, levels);
  }

  /// The levels on which to try the value of greatest magnitude.
  abstract float[] candidates(Effort effort);

  /// How often to refine the scale.
  abstract int refinements(Effort effort);

  @Override
  public final boolean hasOffsets() {
    return false;
  }

  @Override
  final void fit(Tile tile, Effort effort) {
    ScaleFit.fit(tile, levels(), candidates(effort), refinements(effort));
    for (int b = 0; b < tile.blocks; b++) {
      tile.scales.scale[b] = tile.bestScale[b] * tile.unit[b];
      represent(tile.scales, b);
    }
  }

  @Override
  final void refit(Tile tile, Effort effort) {
    fit(tile, effort);
  }

  @Override
  final void represent(Scales scales, int block) {
    set(scales, block, Float16.nearest(scales.scale[block]));
  }

  /// The scale is where most of these formats have it, in front of the codes.
  @Override
  void readScales(byte[] block, int at, Scales scales, int index) {
    set(scales, index, Float16.read(block, at));
  }

  /// Takes a scale as it is encoded.
  static void set(Scales scales, int block, short scale) {
    scales.blockScale[block] = scale;
    scales.scale[block] = Float.float16ToFloat(scale);
  }
}
