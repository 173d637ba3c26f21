package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q8_0: 32 values a block, each -127 to 127 times a scale. Blocks from elsewhere may have -128.
///
/// The layout is `block_q8_0`: the scale, then a byte for each element.
final class Q8_0 extends ScaleFormat {
  static final Q8_0 FORMAT = new Q8_0();

  private static final float[] FAST = {127, 125, 126, 124};
  private static final float[] THOROUGH = Candidates.levels(1.2, 0.8, 100, 127);

  private static final int SIZE = 32;
  private static final int ZERO = 128;

  private Q8_0() {
    super(GgmlType.Q8_0, new UniformLevels(-128, 127, -127));
  }

  @Override
  float[] candidates(Effort effort) {
    return effort == Effort.FAST ? FAST : THOROUGH;
  }

  @Override
  int refinements(Effort effort) {
    return effort == Effort.FAST ? 0 : 2;
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    for (int i = 0; i < SIZE; i++) {
      codes[i] = (byte) (block[at + 2 + i] + ZERO);
    }
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    Float16.write(scales.blockScale[index], block, at);
    for (int i = 0; i < SIZE; i++) {
      block[at + 2 + i] = (byte) (codes[first + i] - ZERO);
    }
  }
}
