package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// TQ2_0: 256 values a block, each -1, 0 or 1 times a scale.
///
/// For given levels the best scale is the weighted mean of the magnitudes that are kept (the
/// optimum of Ternary Weight Networks, Li et al. 2016, with weights).
///
/// The layout is `block_tq2_0`: byte `32 h + m` holds the four elements `128 h + m + 32 n`, the
/// first in its lowest two bits; the scale follows.
final class TQ2_0 extends ScaleFormat {
  static final TQ2_0 FORMAT = new TQ2_0();

  private static final float[] FAST = {2.6f, 2.2f, 3.1f, 1.2f, 2.3f, 3.6f, 6};
  private static final float[] THOROUGH = Candidates.levels(1, 64, 60, 1);

  private TQ2_0() {
    super(GgmlType.TQ2_0, new UniformLevels(-1, 1));
  }

  @Override
  float[] candidates(Effort effort) {
    return effort == Effort.FAST ? FAST : THOROUGH;
  }

  @Override
  int refinements(Effort effort) {
    return effort == Effort.FAST ? 2 : 4;
  }

  @Override
  void readScales(byte[] block, int at, Scales scales, int index) {
    set(scales, index, Float16.read(block, at + 64));
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    TwoBits.read(block, at, codes, 0);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    TwoBits.write(codes, first, 0, block, at);
    Float16.write(scales.blockScale[index], block, at + 64);
  }
}
