package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// TQ1_0: the values of [TQ2_0], five a byte.
///
/// The layout is `block_tq1_0`: 32 bytes, the `m`th with elements `m + 32 n`; 16 bytes with
/// elements `160 + m + 16 n`; 4 bytes with elements `240 + m + 4 n`, four each; the scale. A byte
/// is the number that its codes are the base-3 digits of, as a share of 243, in 256ths, rounded up:
/// so the digits come out by multiplying with 3 and taking what is above 8 bits.
final class TQ1_0 extends ScaleFormat {
  static final TQ1_0 FORMAT = new TQ1_0();

  private static final int SCALE = 52;

  /// Bytes and digits of each run.
  private static final int[][] RUNS = {{32, 5}, {16, 5}, {4, 4}};

  private TQ1_0() {
    super(GgmlType.TQ1_0, new UniformLevels(-1, 1));
  }

  @Override
  float[] candidates(Effort effort) {
    return TQ2_0.FORMAT.candidates(effort);
  }

  @Override
  int refinements(Effort effort) {
    return TQ2_0.FORMAT.refinements(effort);
  }

  @Override
  void readScales(byte[] block, int at, Scales scales, int index) {
    set(scales, index, Float16.read(block, at + SCALE));
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    int in = at;
    int out = 0;
    for (int[] run : RUNS) {
      for (int m = 0; m < run[0]; m++) {
        int rest = block[in + m] & 0xff;
        for (int n = 0; n < run[1]; n++) {
          rest *= 3;
          codes[out + m + run[0] * n] = (byte) (rest >> 8);
          rest &= 0xff;
        }
      }
      in += run[0];
      out += run[0] * run[1];
    }
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    int in = first;
    int out = at;
    for (int[] run : RUNS) {
      for (int m = 0; m < run[0]; m++) {
        int number = 0;
        for (int n = 0; n < 5; n++) {
          number = 3 * number + (n < run[1] ? codes[in + m + run[0] * n] : 0);
        }
        block[out + m] = (byte) ((number * 256 + 242) / 243);
      }
      in += run[0] * run[1];
      out += run[0];
    }
    Float16.write(scales.blockScale[index], block, at + SCALE);
  }
}
