package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q3_K: 256 values in 16 sub-blocks, each -4 to 3 times a scale; scales are multiples, -32 to 31,
/// of a step for the block.
///
/// The layout is `block_q3_K`: the highest bits of the codes ([OneBits]); the others ([TwoBits]);
/// 12 bytes of multiples, each 32 higher than it is; the step.
final class Q3_K extends ScaleSuperblockFormat {
  static final Q3_K FORMAT = new Q3_K();

  private static final int SUB_BLOCKS = 16;
  private static final int MULTIPLES = OneBits.BYTES + TwoBits.BYTES;
  private static final int STEP = MULTIPLES + 12;
  private static final int ZERO = 32;

  private static final float[] FAST = {-4.15f, 3.2f, -4.65f, -3.8f, -5.6f, -4.4f, 4.3f, -7.9f};
  private static final float[] THOROUGH = Candidates.levels(2.6, 0.4, 60, -4, 3);

  private Q3_K() {
    super(GgmlType.Q3_K, SUB_BLOCKS, new UniformLevels(-4, 3), -32, 31);
  }

  @Override
  float[] candidates(Effort effort) {
    return effort == Effort.FAST ? FAST : THOROUGH;
  }

  @Override
  int tries(Effort effort) {
    return effort == Effort.FAST ? 2 : 16;
  }

  /// The low four bits of multiple `s` are in half of byte `s % 8`, the others in two bits of byte
  /// `8
  /// + s % 4`.
  @Override
  void readScales(byte[] block, int at, Scales scales, int index) {
    for (int s = 0; s < SUB_BLOCKS; s++) {
      int low = block[at + MULTIPLES + s % 8] >> s / 8 * 4 & 0xf;
      int high = block[at + MULTIPLES + 8 + s % 4] >> s / 4 * 2 & 3;
      scales.scaleCode[index * SUB_BLOCKS + s] = (byte) ((low | high << 4) - ZERO);
    }
    scales.blockScale[index] = Float16.read(block, at + STEP);
    decode(scales, index);
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    TwoBits.read(block, at + OneBits.BYTES, codes, 0);
    OneBits.read(block, at, codes, 2);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    OneBits.write(codes, first, 2, block, at);
    TwoBits.write(codes, first, 0, block, at + OneBits.BYTES);
    byte[] multiples = scales.scaleCode;
    int from = index * SUB_BLOCKS;
    for (int i = 0; i < 8; i++) {
      int low = multiples[from + i] + ZERO & 0xf;
      int high = multiples[from + i + 8] + ZERO & 0xf;
      block[at + MULTIPLES + i] = (byte) (low | high << 4);
    }
    for (int i = 0; i < 4; i++) {
      int bits = 0;
      for (int k = 0; k < 4; k++) {
        bits |= multiples[from + i + 4 * k] + ZERO >> 4 << 2 * k;
      }
      block[at + MULTIPLES + 8 + i] = (byte) bits;
    }
    Float16.write(scales.blockScale[index], block, at + STEP);
  }
}
