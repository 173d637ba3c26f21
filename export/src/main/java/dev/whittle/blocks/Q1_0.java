package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q1_0: 128 values a block, each plus or minus a scale, for which the best is the weighted mean of
/// the magnitudes.
///
/// The layout is `block_q1_0`: the scale, then eight signs a byte, lowest bit first; 1 is plus.
final class Q1_0 extends ScaleFormat {
  static final Q1_0 FORMAT = new Q1_0();

  /// Any scale leads to the same signs.
  private static final float[] CANDIDATES = {1};

  private static final int SIZE = 128;

  private Q1_0() {
    super(GgmlType.Q1_0, new SignLevels());
  }

  @Override
  float[] candidates(Effort effort) {
    return CANDIDATES;
  }

  @Override
  int refinements(Effort effort) {
    return 0;
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    for (int i = 0; i < SIZE; i++) {
      codes[i] = (byte) (block[at + 2 + i / 8] >> i % 8 & 1);
    }
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    Float16.write(scales.blockScale[index], block, at);
    for (int i = 0; i < SIZE; i += 8) {
      int bits = 0;
      for (int k = 0; k < 8; k++) {
        bits |= codes[first + i + k] << k;
      }
      block[at + 2 + i / 8] = (byte) bits;
    }
  }
}
