package dev.whittle.data;

import java.util.Random;

/// The passes over a data set.
public final class Epochs {
  private Epochs() {}

  /// What decides the order of an epoch.
  ///
  /// @param seed of the run
  /// @param epoch from 0
  public static Random order(long seed, int epoch) {
    // The odd constant keeps the epochs of neighbouring seeds apart.
    return new Random(seed + epoch * 0x9E3779B97F4A7C15L);
  }
}
