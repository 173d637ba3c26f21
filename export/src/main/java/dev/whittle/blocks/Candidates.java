package dev.whittle.blocks;

/// What a thorough fit tries.
final class Candidates {
  private Candidates() {}

  /// Levels on which to put the value of greatest magnitude: multiples of the outermost ones,
  /// evenly spaced in ratio.
  ///
  /// @param ends the outermost level, or both where they differ
  static float[] levels(double from, double to, int count, float... ends) {
    float[] levels = new float[count * ends.length];
    for (int i = 0; i < count; i++) {
      double multiple = from * Math.pow(to / from, i / (count - 1.0));
      for (int e = 0; e < ends.length; e++) {
        levels[i * ends.length + e] = (float) (ends[e] * multiple);
      }
    }
    return levels;
  }

  /// All pairs of shares to cut off a range, at the bottom and at the top.
  static float[][] cuts(float... shares) {
    float[][] pairs = new float[shares.length * shares.length][];
    for (int i = 0; i < pairs.length; i++) {
      pairs[i] = new float[] {shares[i / shares.length], shares[i % shares.length]};
    }
    return pairs;
  }
}
