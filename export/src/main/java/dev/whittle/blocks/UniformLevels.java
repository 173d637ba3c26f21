package dev.whittle.blocks;

/// All whole numbers of a range; code 0 is the lowest.
final class UniformLevels extends Levels {
  private final int lowest;
  private final int highest;

  /// The lowest code that is chosen.
  private final int bottom;

  UniformLevels(int lowest, int highest) {
    this(lowest, highest, lowest);
  }

  /// @param from the lowest level that is chosen
  UniformLevels(int lowest, int highest, int from) {
    this.lowest = lowest;
    this.highest = highest;
    bottom = from - lowest;
  }

  int highest() {
    return highest;
  }

  @Override
  int count() {
    return highest - lowest + 1;
  }

  @Override
  boolean isSymmetric() {
    return lowest + bottom == -highest;
  }

  @Override
  float level(int code) {
    return code + lowest;
  }

  @Override
  int nearest(double value) {
    return (int) Math.clamp(Math.rint(value), lowest + bottom, highest) - lowest;
  }

  @Override
  void add(float[] x, float[] w, float[] scale, float[] inverse, Moments sums, int count) {
    add(x, w, scale, inverse, sums.rr, sums.rq, sums.qq, count);
  }

  private void add(
      float[] x,
      float[] w,
      float[] scale,
      float[] inverse,
      float[] rr,
      float[] rq,
      float[] qq,
      int count) {
    float shift = 0.5f - lowest;
    int top = highest - lowest;
    for (int i = 0; i < count; i++) {
      float value = x[i];
      // A cast truncates towards zero, so nothing below the range comes out above it.
      int code = Math.min(top, Math.max(bottom, (int) (value * inverse[i] + shift)));
      float q = code + lowest;
      float r = value - q * scale[i];
      float wr = w[i] * r;
      rr[i] += wr * r;
      rq[i] += wr * q;
      qq[i] += w[i] * q * q;
    }
  }

  /// As [#add], with an offset, which is taken off the values first: `xq`, `q` and `qq` grow.
  void addWithOffset(
      float[] x, float[] w, float[] inverse, float[] offset, Moments sums, int count) {
    addWithOffset(x, w, inverse, offset, sums.xq, sums.q, sums.qq, count);
  }

  private void addWithOffset(
      float[] x,
      float[] w,
      float[] inverse,
      float[] offset,
      float[] xq,
      float[] sumQ,
      float[] qq,
      int count) {
    float shift = 0.5f - lowest;
    int top = highest - lowest;
    for (int i = 0; i < count; i++) {
      float value = x[i] - offset[i];
      int code = Math.min(top, Math.max(bottom, (int) (value * inverse[i] + shift)));
      float q = code + lowest;
      float wq = w[i] * q;
      xq[i] += wq * value;
      sumQ[i] += wq;
      qq[i] += wq * q;
    }
  }

  /// Only the errors: `rr` grows.
  void addErrors(
      float[] x,
      float[] w,
      float[] scale,
      float[] inverse,
      float[] offset,
      Moments sums,
      int count) {
    addErrors(x, w, scale, inverse, offset, sums.rr, count);
  }

  private void addErrors(
      float[] x, float[] w, float[] scale, float[] inverse, float[] offset, float[] rr, int count) {
    float shift = 0.5f - lowest;
    int top = highest - lowest;
    for (int i = 0; i < count; i++) {
      float value = x[i] - offset[i];
      int code = Math.min(top, Math.max(bottom, (int) (value * inverse[i] + shift)));
      float r = value - (code + lowest) * scale[i];
      rr[i] += w[i] * r * r;
    }
  }

  @Override
  void encode(float[] x, float[] offset, float[] inverse, int[] codes, int count) {
    float shift = 0.5f - lowest;
    int top = highest - lowest;
    for (int i = 0; i < count; i++) {
      float value = (x[i] - offset[i]) * inverse[i];
      codes[i] = Math.min(top, Math.max(bottom, (int) (value + shift)));
    }
  }
}
