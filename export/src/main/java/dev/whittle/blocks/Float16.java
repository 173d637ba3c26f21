package dev.whittle.blocks;

/// float16, in which most formats hold the scale of a block.
final class Float16 {
  /// The greatest finite float16.
  static final float MAX = 65504;

  private Float16() {}

  /// The nearest finite float16.
  static short nearest(double value) {
    return Float.floatToFloat16((float) Math.clamp(value, -MAX, MAX));
  }

  /// The value of the nearest finite float16.
  static float round(double value) {
    return Float.float16ToFloat(nearest(value));
  }

  static short read(byte[] bytes, int at) {
    return (short) (bytes[at] & 0xff | bytes[at + 1] << 8);
  }

  static void write(short value, byte[] bytes, int at) {
    bytes[at] = (byte) value;
    bytes[at + 1] = (byte) (value >> 8);
  }
}
