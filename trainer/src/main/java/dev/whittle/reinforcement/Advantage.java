package dev.whittle.reinforcement;

import java.util.Arrays;

/// How much better each reply of a group is than the others.
public enum Advantage {
  /// Reward minus the group's mean, over its standard deviation (GRPO).
  NORMALIZED,
  /// Reward minus the group's mean: questions that are nearly always or nearly never answered do
  /// not count for more than others (Dr. GRPO, Liu et al. 2025, arXiv 2503.20783).
  CENTERED;

  /// Keeps the quotient finite where the rewards hardly differ.
  private static final double EPSILON = 1e-4;

  /// The advantages of a group; all 0 where all rewards are equal.
  double[] of(double[] rewards) {
    if (Arrays.stream(rewards).allMatch(r -> r == rewards[0])) {
      // Their mean may differ from them in the last bit.
      return new double[rewards.length];
    }
    double mean = Arrays.stream(rewards).average().orElse(0);
    double variance = Arrays.stream(rewards).map(r -> (r - mean) * (r - mean)).average().orElse(0);
    double scale = this == NORMALIZED ? Math.sqrt(variance) + EPSILON : 1;
    return Arrays.stream(rewards).map(r -> (r - mean) / scale).toArray();
  }
}
