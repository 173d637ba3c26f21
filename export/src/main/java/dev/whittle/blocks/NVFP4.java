package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// NVFP4: 64 values in 4 sub-blocks, each a 4-bit float (E2M1) times an unsigned 8-bit float
/// (E4M3).
///
/// The layout is `block_nvfp4`: the four scales, then the codes ([Nibbles], a sub-block at a time).
/// As the levels are doubled, the scale here is half of what its bits say.
final class NVFP4 extends MicroscalingFormat {
  static final NVFP4 FORMAT = new NVFP4();

  private static final int SUB_BLOCKS = 4;
  private static final int SIZE = 64;
  private static final int HALF = 8;

  /// The code after it is NaN elsewhere, and zero in ggml.
  private static final int HIGHEST = 0x7e;

  private static final float[] SCALES = new float[256];

  static {
    for (int code = 0; code < SCALES.length; code++) {
      // The highest bit is ignored where the others are not all set or all zero.
      int exponent = code >> 3 & 0xf;
      int mantissa = code & 7;
      float value =
          exponent == 0
              ? Math.scalb((float) mantissa, -9)
              : Math.scalb(1 + mantissa / 8f, exponent - 7);
      SCALES[code] = code == 0x7f ? 0 : value / 2;
    }
  }

  private NVFP4() {
    super(GgmlType.NVFP4, SUB_BLOCKS);
  }

  /// A scale of zero is for sub-blocks of zeros, which any scale serves as well.
  @Override
  int lowest() {
    return 1;
  }

  @Override
  int highest() {
    return HIGHEST;
  }

  @Override
  float decode(int code) {
    return SCALES[code];
  }

  @Override
  int nearest(double scale) {
    int low = 0;
    int high = HIGHEST;
    while (high - low > 1) {
      int middle = low + high >>> 1;
      if (SCALES[middle] <= scale) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return scale - SCALES[low] < SCALES[high] - scale ? low : high;
  }

  @Override
  int below(Effort effort) {
    return effort == Effort.FAST ? 3 : 16;
  }

  @Override
  int above(Effort effort) {
    return effort == Effort.FAST ? 3 : 6;
  }

  @Override
  void readScales(byte[] block, int at, Scales scales, int index) {
    for (int s = 0; s < SUB_BLOCKS; s++) {
      byte code = block[at + s];
      scales.scaleCode[index * SUB_BLOCKS + s] = code;
      scales.scale[index * SUB_BLOCKS + s] = decode(code & 0xff);
    }
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    Nibbles.read(block, at + SUB_BLOCKS, codes, SIZE, HALF);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    System.arraycopy(scales.scaleCode, index * SUB_BLOCKS, block, at, SUB_BLOCKS);
    Nibbles.write(codes, first, SIZE, HALF, block, at + SUB_BLOCKS);
  }
}
