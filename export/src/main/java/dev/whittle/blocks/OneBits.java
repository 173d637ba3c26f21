package dev.whittle.blocks;

/// One bit of each of 256 codes, in 32 bytes: bit `k` of byte `l` is that of element `32 k + l`.
final class OneBits {
  static final int BYTES = 32;

  private OneBits() {}

  /// @param shift how far up in the codes the bit is
  static void write(byte[] codes, int first, int shift, byte[] block, int at) {
    for (int l = 0; l < BYTES; l++) {
      int bits = 0;
      for (int k = 0; k < 8; k++) {
        bits |= (codes[first + 32 * k + l] >> shift & 1) << k;
      }
      block[at + l] = (byte) bits;
    }
  }

  /// Sets a bit of codes that have none there yet.
  static void read(byte[] block, int at, byte[] codes, int shift) {
    for (int i = 0; i < 256; i++) {
      codes[i] |= (byte) ((block[at + i % 32] >> i / 32 & 1) << shift);
    }
  }
}
