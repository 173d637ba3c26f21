package dev.whittle.blocks;

/// What the codes of a format stand for, before they are scaled.
///
/// The loops run over many scales at once: index `i` of every array belongs to the same scale. That
/// is what lets the compiler vectorize them.
abstract sealed class Levels permits E2m1Levels, NonlinearLevels, SignLevels, UniformLevels {
  /// The number of codes.
  abstract int count();

  /// The level of a code.
  abstract float level(int code);

  /// Whether the negative of each level is a level too.
  abstract boolean isSymmetric();

  /// The code of the level nearest to a value.
  abstract int nearest(double value);

  /// Rounds one element under each scale, and adds what that does to the sums.
  ///
  /// @param x the values
  /// @param w their weights
  /// @param inverse one over the scale
  /// @param sums `rr`, `rq` and `qq` grow
  abstract void add(float[] x, float[] w, float[] scale, float[] inverse, Moments sums, int count);

  /// Finds the code of one element under each scale.
  abstract void encode(float[] x, float[] offset, float[] inverse, int[] codes, int count);
}
