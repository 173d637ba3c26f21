package dev.whittle.transform;

/// What decides a transform.
///
/// @param kind which transform
/// @param seed of the random rotations
/// @param alpha of SmoothQuant: how much of the difficulty goes from the inputs to the weights, 0
///   to 1
/// @param steps of the learned transforms
public record TransformSettings(TransformKind kind, long seed, double alpha, int steps) {
  public TransformSettings {
    if (!(alpha >= 0 && alpha <= 1)) {
      throw new IllegalArgumentException("an alpha of " + alpha + "; it must be from 0 to 1");
    }
    if (steps < 1) {
      throw new IllegalArgumentException(steps + " steps; 1 or more needed");
    }
  }
}
