package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q5_K: 256 values in 8 sub-blocks, each 0 to 31 times a scale, less a minimum; scales and minima
/// are multiples, 0 to 63, of a step for the block.
///
/// The layout is `block_q5_K`: the steps and the multiples ([SixBitPairs]); the highest bits of the
/// codes ([OneBits]); the others ([Nibbles]).
final class Q5_K extends MinimumSuperblockFormat {
  static final Q5_K FORMAT = new Q5_K();

  private static final int SIZE = 256;
  private static final int HALF = 32;
  private static final int LOW = SixBitPairs.BYTES + OneBits.BYTES;

  private static final float[][] FAST = {
    {0, 0},
    {0, -0.03f},
    {0.015f, 0},
    {0, 0.015f},
    {-0.03f, -0.03f},
    {0.015f, -0.03f},
    {0, -0.015f},
    {0.015f, 0.015f}
  };
  private static final float[][] THOROUGH =
      Candidates.cuts(-0.03f, -0.015f, 0, 0.015f, 0.03f, 0.05f, 0.08f, 0.14f, 0.25f);

  private Q5_K() {
    super(GgmlType.Q5_K, SixBitPairs.SUB_BLOCKS, 31, 63);
  }

  @Override
  float[][] candidates(Effort effort) {
    return effort == Effort.FAST ? FAST : THOROUGH;
  }

  @Override
  void readScales(byte[] block, int at, Scales scales, int index) {
    SixBitPairs.read(block, at, scales, index);
    decode(scales, index);
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    Nibbles.read(block, at + LOW, codes, SIZE, HALF);
    OneBits.read(block, at + SixBitPairs.BYTES, codes, 4);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    SixBitPairs.write(scales, index, block, at);
    OneBits.write(codes, first, 4, block, at + SixBitPairs.BYTES);
    Nibbles.write(codes, first, SIZE, HALF, block, at + LOW);
  }
}
