package dev.whittle.reinforcement;

import dev.whittle.data.TokenizedDocument;

/// A reply of the policy to a question, rewarded.
///
/// @param document question and reply, the reply's tokens being those to be produced
/// @param length tokens of the reply
/// @param truncated whether it was cut off
/// @param right whether it gives the right answer
/// @param reward what it is worth
/// @param advantage how much more than the others of its group
record Rollout(
    TokenizedDocument document,
    int length,
    boolean truncated,
    boolean right,
    double reward,
    double advantage) {

  /// The same with an advantage.
  Rollout withAdvantage(double value) {
    return new Rollout(document, length, truncated, right, reward, value);
  }
}
