package dev.whittle.autograd;

import dev.whittle.ggml.Tensor;

/// The forward nodes of causal self-attention, and the rule for its backward nodes.
interface AttentionNodes {
  /// [head · heads, tokens]
  Tensor result();

  /// Builds the backward nodes for the gradient at the result.
  void differentiate(Tensor gradient, Gradients gradients);
}
