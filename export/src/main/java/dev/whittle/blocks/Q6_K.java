package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q6_K: 256 values in 16 sub-blocks, each -32 to 31 times a scale; scales are multiples, -128 to
/// 127, of a step for the block.
///
/// The layout is `block_q6_K`: the low four bits of the codes ([Nibbles]); the others ([TwoBits]);
/// a byte for each multiple; the step.
final class Q6_K extends ScaleSuperblockFormat {
  static final Q6_K FORMAT = new Q6_K();

  private static final int SUB_BLOCKS = 16;
  private static final int SIZE = 256;
  private static final int MULTIPLES = SIZE / 2 + TwoBits.BYTES;
  private static final int STEP = MULTIPLES + SUB_BLOCKS;

  private static final float[] FAST = {-32, 31, 30.1f, -29, 28, -27, -32.3f, 26};
  private static final float[] THOROUGH = Candidates.levels(1.5, 0.6, 64, -32, 31);

  private Q6_K() {
    super(GgmlType.Q6_K, SUB_BLOCKS, new UniformLevels(-32, 31), -128, 127);
  }

  @Override
  float[] candidates(Effort effort) {
    return effort == Effort.FAST ? FAST : THOROUGH;
  }

  @Override
  int tries(Effort effort) {
    return effort == Effort.FAST ? 1 : 8;
  }

  @Override
  void readScales(byte[] block, int at, Scales scales, int index) {
    System.arraycopy(block, at + MULTIPLES, scales.scaleCode, index * SUB_BLOCKS, SUB_BLOCKS);
    scales.blockScale[index] = Float16.read(block, at + STEP);
    decode(scales, index);
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    Nibbles.read(block, at, codes, SIZE, SIZE / 4);
    TwoBits.read(block, at + SIZE / 2, codes, 4);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    Nibbles.write(codes, first, SIZE, SIZE / 4, block, at);
    TwoBits.write(codes, first, 4, block, at + SIZE / 2);
    System.arraycopy(scales.scaleCode, index * SUB_BLOCKS, block, at + MULTIPLES, SUB_BLOCKS);
    Float16.write(scales.blockScale[index], block, at + STEP);
  }
}
