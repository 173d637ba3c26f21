package dev.whittle.training;

import dev.whittle.ggml.GgmlType;

/// What the forward pass of training multiplies with.
public enum Forward {
  /// The blocks, by the very kernels that inference uses: activations are quantized as they are
  /// there, so training sees exactly the numbers of deployment.
  DEPLOYED,
  /// What the blocks decode to, as BF16: close to the above, and faster where the type's kernel is
  /// slow.
  DECODED;

  /// Whether tensors of a type get a decoded copy.
  boolean decodes(GgmlType type) {
    return this == DECODED && type.isQuantized();
  }
}
