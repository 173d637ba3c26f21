package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q2_K: 256 values in 16 sub-blocks, each 0 to 3 times a scale, less a minimum; scales and minima
/// are multiples, 0 to 15, of a step for the block.
///
/// The layout is `block_q2_K`: a byte for each sub-block, the multiple of the scale in its low half
/// and that of the minimum in its high half; the codes ([TwoBits]); the two steps.
final class Q2_K extends MinimumSuperblockFormat {
  static final Q2_K FORMAT = new Q2_K();

  private static final int SUB_BLOCKS = 16;
  private static final int STEPS = SUB_BLOCKS + TwoBits.BYTES;

  private static final float[][] FAST = {
    {0.08f, 0.08f}, {0, 0.16f}, {0.16f, 0.04f}, {0.04f, 0.12f}, {0.2f, 0}, {0.08f, 0}, {0.16f, 0.2f}
  };
  private static final float[][] THOROUGH =
      Candidates.cuts(-0.04f, 0, 0.04f, 0.08f, 0.12f, 0.16f, 0.2f, 0.28f, 0.38f);

  private Q2_K() {
    super(GgmlType.Q2_K, SUB_BLOCKS, 3, 15);
  }

  @Override
  float[][] candidates(Effort effort) {
    return effort == Effort.FAST ? FAST : THOROUGH;
  }

  @Override
  void readScales(byte[] block, int at, Scales scales, int index) {
    for (int s = 0; s < SUB_BLOCKS; s++) {
      scales.scaleCode[index * SUB_BLOCKS + s] = (byte) (block[at + s] & 0xf);
      scales.minimumCode[index * SUB_BLOCKS + s] = (byte) (block[at + s] >> 4 & 0xf);
    }
    scales.blockScale[index] = Float16.read(block, at + STEPS);
    scales.blockMinimum[index] = Float16.read(block, at + STEPS + 2);
    decode(scales, index);
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    TwoBits.read(block, at + SUB_BLOCKS, codes, 0);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    for (int s = 0; s < SUB_BLOCKS; s++) {
      int scale = scales.scaleCode[index * SUB_BLOCKS + s];
      int minimum = scales.minimumCode[index * SUB_BLOCKS + s];
      block[at + s] = (byte) (scale | minimum << 4);
    }
    TwoBits.write(codes, first, 0, block, at + SUB_BLOCKS);
    Float16.write(scales.blockScale[index], block, at + STEPS);
    Float16.write(scales.blockMinimum[index], block, at + STEPS + 2);
  }
}
