package dev.whittle.blocks;

import java.util.Arrays;

/// The levels of IQ4_NL (`kvalues_iq4nl`), spaced for values that are distributed normally.
final class NonlinearLevels extends Levels {
  private static final int[] LEVELS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  /// Values are compared as whole numbers, of which this many make one; that vectorizes.
  private static final int FIXED_ONE = 1 << 16;

  private static final float LARGEST = 1 << 14;

  /// By code, the middle between its level and the one before.
  private final int[] middles = new int[LEVELS.length];

  NonlinearLevels() {
    for (int code = 1; code < LEVELS.length; code++) {
      middles[code] = middle(code);
    }
  }

  @Override
  int count() {
    return LEVELS.length;
  }

  @Override
  boolean isSymmetric() {
    return false;
  }

  @Override
  float level(int code) {
    return LEVELS[code];
  }

  @Override
  int nearest(double value) {
    int code = 0;
    while (code < LEVELS.length - 1 && value > (LEVELS[code] + LEVELS[code + 1]) / 2.0) {
      code++;
    }
    return code;
  }

  @Override
  void add(float[] x, float[] w, float[] scale, float[] inverse, Moments sums, int count) {
    int[] q = sums.scratch;
    toFixed(x, inverse, sums.fixed, count);
    Arrays.fill(q, 0, count, LEVELS[0]);
    for (int code = 1; code < LEVELS.length; code += 3) {
      climb(sums.fixed, q, code, count);
    }
    add(x, w, scale, q, sums.rr, sums.rq, sums.qq, count);
  }

  private static void add(
      float[] x,
      float[] w,
      float[] scale,
      int[] levels,
      float[] rr,
      float[] rq,
      float[] qq,
      int count) {
    for (int i = 0; i < count; i++) {
      float q = levels[i];
      float r = x[i] - q * scale[i];
      float wr = w[i] * r;
      rr[i] += wr * r;
      rq[i] += wr * q;
      qq[i] += w[i] * q * q;
    }
  }

  private static void toFixed(float[] x, float[] inverse, int[] fixed, int count) {
    for (int i = 0; i < count; i++) {
      fixed[i] = (int) (Math.min(LARGEST, Math.max(-LARGEST, x[i] * inverse[i])) * FIXED_ONE);
    }
  }

  /// Moves what is above the middle between a level and the one before it up to that level, for
  /// three levels; more in one loop would be too much for the compiler to vectorize.
  private static void climb(int[] fixed, int[] levels, int code, int count) {
    int first = LEVELS[code] - LEVELS[code - 1];
    int second = LEVELS[code + 1] - LEVELS[code];
    int third = LEVELS[code + 2] - LEVELS[code + 1];
    climb(
        fixed,
        levels,
        middle(code),
        first,
        middle(code + 1),
        second,
        middle(code + 2),
        third,
        count);
  }

  private static void climb(
      int[] fixed,
      int[] levels,
      int firstMiddle,
      int first,
      int secondMiddle,
      int second,
      int thirdMiddle,
      int third,
      int count) {
    for (int i = 0; i < count; i++) {
      int value = fixed[i];
      // The shift makes all bits of what is negative.
      levels[i] +=
          (firstMiddle - value >> 31 & first)
              + (secondMiddle - value >> 31 & second)
              + (thirdMiddle - value >> 31 & third);
    }
  }

  /// The middle between a level and the one before it.
  private static int middle(int code) {
    return (LEVELS[code] + LEVELS[code - 1]) * (FIXED_ONE / 2);
  }

  @Override
  void encode(float[] x, float[] offset, float[] inverse, int[] codes, int count) {
    toFixed(x, inverse, codes, count);
    for (int i = 0; i < count; i++) {
      int value = codes[i];
      int code = 0;
      // Halving the range, without branches.
      code += middles[code + 8] - value >>> 31 << 3;
      code += middles[code + 4] - value >>> 31 << 2;
      code += middles[code + 2] - value >>> 31 << 1;
      code += middles[code + 1] - value >>> 31;
      codes[i] = code;
    }
  }
}
