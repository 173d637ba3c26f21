package dev.whittle.distillation;

import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import java.util.Locale;

/// How much each token counts in the loss, by the teacher's distribution P over the next token at
/// the loss's temperature. Weights are divided by their mean over a step, so that they shift the
/// loss between its tokens and leave its size alone. They depend on the teacher only, so nothing
/// flows back through them.
public enum TokenWeights {
  /// Every token the same.
  UNIFORM,
  /// Σ P²: how probable the teacher finds what it would say itself, from 1 / vocabulary to 1.
  /// Counts the tokens that leave no choice, such as facts.
  CERTAINTY,
  /// −Σ P ln P, the entropy: counts the tokens at which a text forks, and hardly those that are
  /// certain (Wang et al. 2025, arXiv 2506.01939, who train on the fifth of the tokens with the
  /// highest).
  ENTROPY;

  /// Keeps logarithms of vanishing probabilities finite; their terms vanish anyway.
  private static final float TINY = 1e-30f;

  /// The nodes for the weights.
  ///
  /// @param probabilities the teacher's, [vocabulary, tokens]
  /// @param given what the tokens weigh beside, [1, tokens]
  /// @return [1, tokens], `given` itself if all tokens weigh the same
  Tensor build(Operations ops, Tensor probabilities, Tensor given) {
    return switch (this) {
      case UNIFORM -> given;
      case CERTAINTY ->
          ops.multiply(given, ops.sumRows(ops.multiply(probabilities, probabilities)));
      case ENTROPY -> {
        Tensor log = ops.log(ops.scaleAndShift(probabilities, 1, TINY));
        Tensor negative = ops.sumRows(ops.multiply(probabilities, log));
        yield ops.multiply(given, ops.scale(negative, -1));
      }
    };
  }

  /// The name on the command line.
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
