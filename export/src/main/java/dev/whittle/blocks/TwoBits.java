package dev.whittle.blocks;

/// Two bits of each of 256 codes, in 64 bytes: byte `32 h + m` holds those of elements `128 h + m +
/// 32 n`, the first in its lowest bits.
final class TwoBits {
  static final int BYTES = 64;

  private TwoBits() {}

  /// @param shift how far up in the codes the two bits are
  static void write(byte[] codes, int first, int shift, byte[] block, int at) {
    for (int half = 0; half < 2; half++) {
      int in = first + half * 128;
      int out = at + half * 32;
      for (int m = 0; m < 32; m++) {
        block[out + m] =
            (byte)
                (codes[in + m] >> shift & 3
                    | (codes[in + m + 32] >> shift & 3) << 2
                    | (codes[in + m + 64] >> shift & 3) << 4
                    | (codes[in + m + 96] >> shift & 3) << 6);
      }
    }
  }

  /// Sets two bits of codes that have none there yet.
  static void read(byte[] block, int at, byte[] codes, int shift) {
    for (int i = 0; i < 256; i++) {
      int bits = block[at + i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
      codes[i] |= (byte) (bits << shift);
    }
  }
}
