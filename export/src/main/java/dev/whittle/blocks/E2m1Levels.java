package dev.whittle.blocks;

/// The levels of a 4-bit float with two bits of exponent and one of mantissa (OCP Microscaling
/// Formats 1.0), doubled as ggml has them: 0, 1, 2, 3, 4, 6, 8, 12, and the same below zero.
final class E2m1Levels extends Levels {
  private static final float[] LEVELS = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  private static final float GREATEST = 12;

  /// Adding this to a small float, and taking it away again, rounds to a whole number.
  private static final float TO_WHOLE = 0x1.8p23f;

  /// Multiplying by this splits off the leading two bits (Veltkamp's splitting).
  private static final float TO_TWO_BITS = 0x1p22f + 1;

  @Override
  int count() {
    return LEVELS.length;
  }

  @Override
  boolean isSymmetric() {
    return true;
  }

  @Override
  float level(int code) {
    return LEVELS[code];
  }

  @Override
  int nearest(double value) {
    double magnitude = Math.abs(value);
    int code = 0;
    while (code < 7 && magnitude > (LEVELS[code] + LEVELS[code + 1]) / 2) {
      code++;
    }
    return value < 0 ? code | 8 : code;
  }

  @Override
  void add(float[] x, float[] w, float[] scale, float[] inverse, Moments sums, int count) {
    add(x, w, scale, inverse, sums.rr, sums.rq, sums.qq, count);
  }

  private static void add(
      float[] x,
      float[] w,
      float[] scale,
      float[] inverse,
      float[] rr,
      float[] rq,
      float[] qq,
      int count) {
    for (int i = 0; i < count; i++) {
      float magnitude = Math.abs(x[i]);
      float q = round(magnitude * inverse[i]);
      float r = magnitude - q * scale[i];
      float wr = w[i] * r;
      rr[i] += wr * r;
      rq[i] += wr * q;
      qq[i] += w[i] * q * q;
    }
  }

  /// From 2 on the levels have two significant bits, and up to 2 they are whole.
  private static float round(float magnitude) {
    float clamped = Math.min(magnitude, GREATEST);
    float upper = Math.max(clamped, 2);
    float lower = Math.min(clamped, 2);
    float product = upper * TO_TWO_BITS;
    float rounded = product - (product - upper);
    return rounded + (lower + TO_WHOLE - TO_WHOLE - 2);
  }

  @Override
  void encode(float[] x, float[] offset, float[] inverse, int[] codes, int count) {
    for (int i = 0; i < count; i++) {
      codes[i] = (int) round(Math.abs(x[i] * inverse[i]));
    }
    // One loop would be too much for the compiler to vectorize.
    for (int i = 0; i < count; i++) {
      int q = codes[i];
      int negative = (int) Math.max(-1, x[i] * inverse[i] * 2) >>> 31;
      // Levels are one apart to 4, two to 8, and then four.
      int code = Math.min(q, 4) + (Math.min(Math.max(q - 4, 0), 4) >> 1);
      codes[i] = code + (Math.max(q - 8, 0) >> 2) + 8 * negative;
    }
  }
}
