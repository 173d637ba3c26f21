package dev.whittle.model;

import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;

/// A loss on the hidden states behind each layer, beside the one on what a [Trunk] makes in the
/// end.
@FunctionalInterface
public interface LayerLoss {
  /// What the nodes compute.
  ///
  /// @param gradient of the loss at the states, of their shape
  /// @param value a node that has to run too: it stores the value of the loss
  record Nodes(Tensor gradient, Tensor value) {}

  /// Builds the nodes, which run in the backward pass of the layer.
  ///
  /// @param layer its number, from 0
  /// @param states behind it, [width, tokens] F32
  Nodes build(Operations ops, int layer, Tensor states);
}
