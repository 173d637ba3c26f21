package dev.whittle.autograd;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import org.jspecify.annotations.Nullable;

/// A weight as products and norms see it.
///
/// @param name the tensor's name in the model file
/// @param value what the forward pass uses: [inputs, outputs] of any weight type for a matrix, so
///   the very blocks that are shipped, or [n] F32 for the weight of a norm or a bias
/// @param transposed the matrix that `value` decodes to, as [outputs, inputs] BF16, for the
///   gradient at the product's input; null where that gradient is never asked for, or
///   [Kernels#needTransposed] says that it does without
/// @param gradient where the gradient at the decoded value is added up, F32 in the shape of
///   `value`; null if the weight is frozen. For quantized weights this is the straight-through
///   estimator (Bengio et al. 2013): the caller applies it to the master as if rounding were the
///   identity
public record Weight(
    String name, Tensor value, @Nullable Tensor transposed, @Nullable Tensor gradient) {

  public Weight {
    if (gradient != null
        && (gradient.type() != GgmlType.F32 || gradient.elements() != value.elements())) {
      throw new IllegalArgumentException(
          "the gradient of " + name + " must be F32 and as large as the weight");
    }
    if (transposed != null
        && (transposed.dimension(0) != value.dimension(1)
            || transposed.dimension(1) != value.dimension(0))) {
      throw new IllegalArgumentException(
          "the transposed copy of " + name + " does not have the weight's shape transposed");
    }
  }

  /// A weight that is used and never trained, and through which no gradient flows.
  public static Weight frozen(String name, Tensor value) {
    return new Weight(name, value, null, null);
  }

  /// This weight, so that gradients flow through it: where kernels need the transposed copy of a
  /// matrix and there is none, with nodes that make it.
  ///
  /// @param ops of the graph that computes the product and its gradient
  public Weight differentiable(Operations ops, Kernels kernels) {
    if (value.dimension(1) == 1 || transposed != null || !kernels.needTransposed(value.type())) {
      return this;
    }
    Tensor plain = value.type().isQuantized() ? ops.cast(value, GgmlType.F32) : value;
    return new Weight(name, value, ops.cast(ops.transpose(plain), GgmlType.BF16), gradient);
  }

  /// Whether a gradient is collected for this weight.
  public boolean isTrained() {
    return gradient != null;
  }

  /// @throws IllegalStateException if there is none, so that no gradient can flow through this
  ///   matrix
  Tensor requireTransposed() {
    if (transposed == null) {
      throw new IllegalStateException(
          name + " has no transposed copy, so no gradient can flow through it");
    }
    return transposed;
  }

  /// @throws IllegalStateException if the weight is frozen
  Tensor requireGradient() {
    if (gradient == null) {
      throw new IllegalStateException(name + " is frozen");
    }
    return gradient;
  }
}
