package dev.whittle.blocks;

/// The beginning of a block of Q4_K and Q5_K: the step of the scales, that of the minima, and for
/// each of 8 sub-blocks a multiple of both, in 12 bytes.
///
/// The multiples of sub-blocks 0 to 3 are the low six bits of bytes 0 to 3 and 4 to 7. Of the other
/// sub-blocks, bytes 8 to 11 hold the low four bits of both, and the free bits of bytes 0 to 7 the
/// rest.
final class SixBitPairs {
  static final int SUB_BLOCKS = 8;
  static final int BYTES = 16;

  private SixBitPairs() {}

  static void write(Scales scales, int index, byte[] block, int at) {
    Float16.write(scales.blockScale[index], block, at);
    Float16.write(scales.blockMinimum[index], block, at + 2);
    int first = index * SUB_BLOCKS;
    int out = at + 4;
    for (int i = 0; i < 4; i++) {
      int scale = scales.scaleCode[first + i + 4];
      int minimum = scales.minimumCode[first + i + 4];
      block[out + i] = (byte) (scales.scaleCode[first + i] | scale >> 4 << 6);
      block[out + i + 4] = (byte) (scales.minimumCode[first + i] | minimum >> 4 << 6);
      block[out + i + 8] = (byte) (scale & 0xf | minimum << 4);
    }
  }

  static void read(byte[] block, int at, Scales scales, int index) {
    scales.blockScale[index] = Float16.read(block, at);
    scales.blockMinimum[index] = Float16.read(block, at + 2);
    int first = index * SUB_BLOCKS;
    int in = at + 4;
    for (int i = 0; i < 4; i++) {
      byte scale = block[in + i];
      byte minimum = block[in + i + 4];
      byte low = block[in + i + 8];
      scales.scaleCode[first + i] = (byte) (scale & 0x3f);
      scales.minimumCode[first + i] = (byte) (minimum & 0x3f);
      scales.scaleCode[first + i + 4] = (byte) (low & 0xf | (scale >> 6 & 3) << 4);
      scales.minimumCode[first + i + 4] = (byte) (low >> 4 & 0xf | (minimum >> 6 & 3) << 4);
    }
  }
}
