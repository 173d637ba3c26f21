package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q4_1: 32 values a block, each 0 to 15 times a scale, and an offset.
///
/// The layout is `block_q4_1`: the scale and the offset, then the codes ([Nibbles]).
final class Q4_1 extends MinimumFormat {
  static final Q4_1 FORMAT = new Q4_1();

  private static final int HALF = 16;

  private Q4_1() {
    super(GgmlType.Q4_1, 15);
  }

  @Override
  float[][] candidates(Effort effort) {
    return Q4_K.FORMAT.candidates(effort);
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    Nibbles.read(block, at + 4, codes, 2 * HALF, HALF);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    writeScales(scales, index, block, at);
    Nibbles.write(codes, first, 2 * HALF, HALF, block, at + 4);
  }
}
