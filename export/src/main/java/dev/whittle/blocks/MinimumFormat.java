package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// A format whose blocks have a scale and an offset, both float16.
abstract sealed class MinimumFormat extends BlockFormat permits Q4_1, Q5_1 {
  private final UniformLevels levels;

  MinimumFormat(GgmlType type, int highestCode) {
    UniformLevels levels = new UniformLevels(0, highestCode);
    super(type, 1, levels);
    this.levels = levels;
  }

  /// Which shares of the values' range to try cutting off, as pairs of bottom and top.
  abstract float[][] candidates(Effort effort);

  @Override
  public final boolean hasOffsets() {
    return true;
  }

  @Override
  final void fit(Tile tile, Effort effort) {
    float unbounded = Float.POSITIVE_INFINITY;
    MinimumFit.fit(tile, levels, unbounded, candidates(effort), effort == Effort.FAST ? 1 : 4);
    for (int b = 0; b < tile.blocks; b++) {
      tile.scales.scale[b] = tile.bestScale[b] * tile.unit[b];
      tile.scales.offset[b] = tile.bestOffset[b] * tile.unit[b];
      represent(tile.scales, b);
    }
  }

  @Override
  final void refit(Tile tile, Effort effort) {
    fit(tile, effort);
  }

  @Override
  final void represent(Scales scales, int block) {
    set(scales, block, Float16.nearest(scales.scale[block]), Float16.nearest(scales.offset[block]));
  }

  @Override
  final void readScales(byte[] block, int at, Scales scales, int index) {
    set(scales, index, Float16.read(block, at), Float16.read(block, at + 2));
  }

  final void writeScales(Scales scales, int index, byte[] block, int at) {
    Float16.write(scales.blockScale[index], block, at);
    Float16.write(scales.blockMinimum[index], block, at + 2);
  }

  private static void set(Scales scales, int block, short scale, short offset) {
    scales.blockScale[block] = scale;
    scales.blockMinimum[block] = offset;
    scales.scale[block] = Float.float16ToFloat(scale);
    scales.offset[block] = Float.float16ToFloat(offset);
  }
}
