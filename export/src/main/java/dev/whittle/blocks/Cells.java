package dev.whittle.blocks;

/// The intervals of what is rounded to each code, before it is scaled.
final class Cells {
  /// So much of the distance to the next level is kept from the border, where the rounding of
  /// float32 could tip a value over.
  private static final double MARGIN = 1.0 / 64;

  private final double[] lowest;
  private final double[] highest;

  Cells(Levels levels) {
    int count = levels.count();
    lowest = new double[count];
    highest = new double[count];
    for (int code = 0; code < count; code++) {
      float level = levels.level(code);
      double below = Double.NEGATIVE_INFINITY;
      double above = Double.POSITIVE_INFINITY;
      for (int other = 0; other < count; other++) {
        float neighbour = levels.level(other);
        if (neighbour < level) {
          below = Math.max(below, neighbour);
        } else if (neighbour > level) {
          above = Math.min(above, neighbour);
        }
      }
      lowest[code] = level - (level - below) * (0.5 - MARGIN);
      highest[code] = level + (above - level) * (0.5 - MARGIN);
    }
  }

  /// The value of a code's interval nearest to one.
  double nearest(int code, double value) {
    return Math.clamp(value, lowest[code], highest[code]);
  }
}
