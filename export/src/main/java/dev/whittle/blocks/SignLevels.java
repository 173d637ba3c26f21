package dev.whittle.blocks;

/// Minus one and one.
final class SignLevels extends Levels {
  /// Turns what is not zero into what is not below one.
  private static final float LARGE = 1e38f;

  @Override
  int count() {
    return 2;
  }

  @Override
  boolean isSymmetric() {
    return true;
  }

  @Override
  float level(int code) {
    return 2 * code - 1;
  }

  @Override
  int nearest(double value) {
    return value < 0 ? 0 : 1;
  }

  @Override
  void add(float[] x, float[] w, float[] scale, float[] inverse, Moments sums, int count) {
    add(x, w, scale, sums.rr, sums.rq, sums.qq, count);
  }

  private static void add(
      float[] x, float[] w, float[] scale, float[] rr, float[] rq, float[] qq, int count) {
    for (int i = 0; i < count; i++) {
      float r = Math.abs(x[i]) - Math.abs(scale[i]);
      float wr = w[i] * r;
      rr[i] += wr * r;
      rq[i] += wr;
      qq[i] += w[i];
    }
  }

  @Override
  void encode(float[] x, float[] offset, float[] inverse, int[] codes, int count) {
    for (int i = 0; i < count; i++) {
      int negative = (int) Math.max(-1, x[i] * inverse[i] * LARGE) >>> 31;
      codes[i] = 1 - negative;
    }
  }
}
