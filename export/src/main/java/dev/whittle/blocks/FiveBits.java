package dev.whittle.blocks;

/// The codes of Q5_0 and Q5_1: a 32-bit number with the highest bit of each of 32 elements, then
/// their low ones ([Nibbles]).
final class FiveBits {
  private static final int HALF = 16;

  private FiveBits() {}

  static void write(byte[] codes, int first, byte[] block, int at) {
    for (int i = 0; i < 4; i++) {
      int bits = 0;
      for (int k = 0; k < 8; k++) {
        bits |= (codes[first + 8 * i + k] >> 4 & 1) << k;
      }
      block[at + i] = (byte) bits;
    }
    Nibbles.write(codes, first, 2 * HALF, HALF, block, at + 4);
  }

  static void read(byte[] block, int at, byte[] codes) {
    Nibbles.read(block, at + 4, codes, 2 * HALF, HALF);
    for (int i = 0; i < 2 * HALF; i++) {
      codes[i] |= (byte) ((block[at + i / 8] >> i % 8 & 1) << 4);
    }
  }
}
