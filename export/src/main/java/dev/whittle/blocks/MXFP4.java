package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// MXFP4: 32 values a block, each a 4-bit float (E2M1) times a power of two (OCP Microscaling
/// Formats 1.0).
///
/// The layout is `block_mxfp4`: the exponent, biased by 127; then in byte `i` elements `i`, low,
/// and `i + 16`. As the levels are doubled, the scale here is half that of the specification.
final class MXFP4 extends MicroscalingFormat {
  static final MXFP4 FORMAT = new MXFP4();

  private static final int BIAS = 128;
  private static final int HALF = 16;

  private MXFP4() {
    super(GgmlType.MXFP4, 1);
  }

  /// Scales below 2⁻¹²⁶ are not used: they are not normal float32s, and neither would be the
  /// values.
  @Override
  int lowest() {
    return 2;
  }

  @Override
  int highest() {
    return 254;
  }

  @Override
  float decode(int code) {
    return Math.scalb(1f, code - BIAS);
  }

  @Override
  int nearest(double scale) {
    int exponent = scale > 0 ? Math.max(Math.getExponent(scale), -BIAS) : -BIAS;
    // The mean of a power of two and the next is one and a half times it.
    int up = scale > Math.scalb(1.5, exponent) ? 1 : 0;
    return Math.clamp(exponent + BIAS + up, 0, 255);
  }

  @Override
  int below(Effort effort) {
    return effort == Effort.FAST ? 1 : 3;
  }

  @Override
  int above(Effort effort) {
    return 1;
  }

  @Override
  void readScales(byte[] block, int at, Scales scales, int index) {
    scales.scaleCode[index] = block[at];
    scales.scale[index] = decode(block[at] & 0xff);
  }

  @Override
  void unpack(byte[] block, int at, byte[] codes) {
    Nibbles.read(block, at + 1, codes, 2 * HALF, HALF);
  }

  @Override
  void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at) {
    block[at] = scales.scaleCode[index];
    Nibbles.write(codes, first, 2 * HALF, HALF, block, at + 1);
  }
}
