package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q5_0: 32 values a block, each -16 to 15 times a scale, which may be negative.
///
/// The layout is `block_q5_0`: the scale, then the codes ([FiveBits]).
final class Q5_0 extends ScaleFormat {
  static final Q5_0 FORMAT = new Q5_0();

  private static final float[] FAST = {-16.2f, 15.2f, -16.7f, -15.8f, 14.1f, 14.9f, 13, -16.3f};
  private static final float[] THOROUGH = Candidates.levels(1.8, 0.5, 64, -16, 15);

  private Q5_0() {
    super(GgmlType.Q5_0, new UniformLevels(-16, 15));
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
    FiveBits.read(block, at + 2, codes);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    Float16.write(scales.blockScale[index], block, at);
    FiveBits.write(codes, first, block, at + 2);
  }
}
