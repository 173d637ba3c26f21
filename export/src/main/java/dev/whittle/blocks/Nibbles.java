package dev.whittle.blocks;

/// Low four bits of codes, two a byte: of each run of `2 half` elements, byte `i` holds element `i`
/// in its low bits and element `i + half` in its high ones.
final class Nibbles {
  private Nibbles() {}

  static void write(byte[] codes, int first, int count, int half, byte[] block, int at) {
    for (int run = 0; run < count / 2; run += half) {
      int in = first + 2 * run;
      for (int i = 0; i < half; i++) {
        block[at + run + i] = (byte) (codes[in + i] & 0xf | codes[in + i + half] << 4);
      }
    }
  }

  static void read(byte[] block, int at, byte[] codes, int count, int half) {
    for (int run = 0; run < count / 2; run += half) {
      int out = 2 * run;
      for (int i = 0; i < half; i++) {
        codes[out + i] = (byte) (block[at + run + i] & 0xf);
        codes[out + i + half] = (byte) (block[at + run + i] >> 4 & 0xf);
      }
    }
  }
}
