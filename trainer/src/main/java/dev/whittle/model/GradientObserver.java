package dev.whittle.model;

import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import java.util.List;
import java.util.Map;

/// Sees the gradients in the backward pass of a [Trunk].
@FunctionalInterface
public interface GradientObserver {
  /// Builds nodes that run in the backward pass of a layer.
  ///
  /// @param layer its number, from 0
  /// @param behind the gradient at the states behind the layer, [width, tokens] F32
  /// @param atOutputs the gradients at the outputs of its matrices, [outputs, tokens] F32, by the
  ///   matrices' names in the file
  /// @return those that have to run
  List<Tensor> build(Operations ops, int layer, Tensor behind, Map<String, Tensor> atOutputs);
}
