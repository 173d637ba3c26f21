package dev.whittle.blocks;

import java.util.Random;
import org.jspecify.annotations.Nullable;

/// How much the columns of [Rows] count.
enum Columns {
  EQUAL,
  SQUARED_GAUSSIAN,
  HALF_IGNORED,
  ALL_IGNORED;

  float @Nullable [] importance() {
    if (this == EQUAL) {
      return null;
    }
    Random random = new Random(100);
    float[] importance = new float[Rows.LENGTH];
    for (int i = 0; i < importance.length; i++) {
      double square = Math.pow(random.nextGaussian(), 2);
      importance[i] =
          (float)
              switch (this) {
                case SQUARED_GAUSSIAN -> square;
                case HALF_IGNORED -> i % 2 * square;
                default -> 0;
              };
    }
    return importance;
  }

  static double weight(float @Nullable [] importance, int index) {
    return importance == null ? 1 : importance[index % importance.length];
  }
}
