package dev.whittle.training;

/// How a student's weights are kept, encoded and decayed.
///
/// @param forward what the student's products use
/// @param moments how those of matrices and embeddings are stored
/// @param scales where the scales of blocks come from; it must fit all types
/// @param decayTarget what weight decay pulls to
/// @param averageDecay what a step leaves of the moving average of the masters ([WeightAverage]); 0
///   for none
public record WeightSettings(
    Forward forward,
    MomentType moments,
    ScaleMode scales,
    DecayTarget decayTarget,
    double averageDecay) {
  /// Scales that are fitted at each step, decay to zero, and no average.
  public static WeightSettings of(Forward forward, MomentType moments) {
    return new WeightSettings(forward, moments, ScaleMode.REFIT, DecayTarget.ZERO, 0);
  }
}
