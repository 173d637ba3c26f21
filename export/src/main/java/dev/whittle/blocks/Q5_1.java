package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q5_1: 32 values a block, each 0 to 31 times a scale, and an offset.
///
/// The layout is `block_q5_1`: the scale and the offset, then the codes ([FiveBits]).
final class Q5_1 extends MinimumFormat {
  static final Q5_1 FORMAT = new Q5_1();

  private Q5_1() {
    super(GgmlType.Q5_1, 31);
  }

  @Override
  float[][] candidates(Effort effort) {
    return Q5_K.FORMAT.candidates(effort);
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    FiveBits.read(block, at + 4, codes);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    writeScales(scales, index, block, at);
    FiveBits.write(codes, first, block, at + 4);
  }
}
