package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// Q4_K: 256 values in 8 sub-blocks, each 0 to 15 times a scale, less a minimum; scales and minima
/// are multiples, 0 to 63, of a step for the block.
///
/// The layout is `block_q4_K`: the steps and the multiples ([SixBitPairs]); the codes ([Nibbles]).
final class Q4_K extends MinimumSuperblockFormat {
  static final Q4_K FORMAT = new Q4_K();

  private static final int SIZE = 256;
  private static final int HALF = 32;

  private static final float[][] FAST = {
    {0.02f, 0.02f},
    {0.04f, 0},
    {0, 0.04f},
    {0, 0},
    {-0.04f, 0.02f},
    {0.02f, 0},
    {0, 0.02f},
    {0, -0.04f},
    {-0.04f, 0}
  };
  private static final float[][] THOROUGH =
      Candidates.cuts(-0.04f, -0.02f, 0, 0.02f, 0.04f, 0.07f, 0.12f, 0.2f, 0.35f);

  private Q4_K() {
    super(GgmlType.Q4_K, SixBitPairs.SUB_BLOCKS, 15, 63);
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
    Nibbles.read(block, at + SixBitPairs.BYTES, codes, SIZE, HALF);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    SixBitPairs.write(scales, index, block, at);
    Nibbles.write(codes, first, SIZE, HALF, block, at + SixBitPairs.BYTES);
  }
}
