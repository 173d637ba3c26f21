package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// IQ4_NL: 32 values a block, each one of 16 unevenly spaced levels times a scale, which may be
/// negative.
///
/// The layout is `block_iq4_nl`: the scale, then the codes ([Nibbles]).
final class IQ4_NL extends ScaleFormat {
  static final IQ4_NL FORMAT = new IQ4_NL();

  private static final float[] FAST = {-128, 114, -136, -121, -107, 121, 107.5f, -124.5f};
  private static final float[] THOROUGH = Candidates.levels(2.6, 0.4, 64, -127, 113);

  private static final int HALF = 16;

  private IQ4_NL() {
    super(GgmlType.IQ4_NL, new NonlinearLevels());
  }

  @Override
  float[] candidates(Effort effort) {
    return effort == Effort.FAST ? FAST : THOROUGH;
  }

  @Override
  int refinements(Effort effort) {
    return effort == Effort.FAST ? 1 : 4;
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    Nibbles.read(block, at + 2, codes, 2 * HALF, HALF);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    Float16.write(scales.blockScale[index], block, at);
    Nibbles.write(codes, first, 2 * HALF, HALF, block, at + 2);
  }
}
