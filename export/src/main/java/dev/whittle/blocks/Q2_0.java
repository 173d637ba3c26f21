package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q2_0: 64 values a block, each -1, 0, 1 or 2 times a scale, which may be negative: its sign says
/// on which side the long tail of levels lies.
///
/// The layout is `block_q2_0`: the scale, then four elements a byte, lowest bits first.
final class Q2_0 extends ScaleFormat {
  static final Q2_0 FORMAT = new Q2_0();

  private static final float[] FAST = {2.6f, -2.6f, 3.1f, 2.2f, -3.1f, -2.2f, 3.6f, 1.4f};
  private static final float[] THOROUGH = Candidates.levels(0.9, 16, 36, 1, -1);

  private static final int BYTES = 16;

  private Q2_0() {
    super(GgmlType.Q2_0, new UniformLevels(-1, 2));
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
  void unpack(byte[] block, int at, byte[] codes) {
    for (int i = 0; i < BYTES * 4; i++) {
      codes[i] = (byte) (block[at + 2 + i / 4] >> i % 4 * 2 & 3);
    }
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    Float16.write(scales.blockScale[index], block, at);
    for (int i = 0; i < BYTES; i++) {
      int in = first + 4 * i;
      block[at + 2 + i] =
          (byte) (codes[in] | codes[in + 1] << 2 | codes[in + 2] << 4 | codes[in + 3] << 6);
    }
  }
}
