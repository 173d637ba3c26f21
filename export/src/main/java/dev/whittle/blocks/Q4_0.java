package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q4_0: 32 values a block, each -8 to 7 times a scale, which may be negative.
///
/// The layout is `block_q4_0`: the scale; then in byte `i` elements `i`, low, and `i + 16`.
final class Q4_0 extends ScaleFormat {
  static final Q4_0 FORMAT = new Q4_0();

  private static final float[] FAST = {-8.3f, -7.8f, -8.8f, -7.15f, -8, -9.3f, 6.8f, -10.5f};
  private static final float[] THOROUGH = Candidates.levels(2.6, 0.4, 64, -8, 7);

  private static final int HALF = 16;

  private Q4_0() {
    super(GgmlType.Q4_0, new UniformLevels(-8, 7));
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
