package dev.whittle.autograd;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.CudaOperations;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.onednn.OneDnn;
import org.jspecify.annotations.Nullable;

/// How a backend computes the large products of a pass, in both directions: linear layers and
/// attention.
///
/// For a matrix W [k, n], inputs X [k, tokens] and outputs Y [n, tokens], with ggml's products over
/// dimension 0: Y = W · X, dX = Wᵀ · dY, dW = Xᵀ · dYᵀ.
public sealed interface Kernels permits GgmlKernels, OneDnnKernels, GpuKernels, ObservedKernels {
  /// What is fastest on a backend.
  static Kernels of(Backend backend) {
    return backend.isHost()
        ? OneDnn.find().<Kernels>map(library -> new OneDnnKernels(library, true)).orElse(ggml())
        : new GpuKernels(CudaOperations.on(backend).orElse(null), false);
  }

  /// ggml's operations alone, as they suit a CPU.
  static Kernels ggml() {
    return new GgmlKernels();
  }

  /// ggml's operations alone, as they suit a GPU; every backend has them.
  static Kernels gpu() {
    return new GpuKernels(null, false);
  }

  /// These kernels, but attention as llama.cpp computes it where its own is not fused: beside
  /// products with the blocks themselves, so that the whole pass gives the numbers of deployment.
  default Kernels withDeployedAttention() {
    return this;
  }

  /// These kernels for a step of one micro-batch, in which each matrix is multiplied with once: its
  /// gradient may then replace what was there before, where adding costs more.
  default Kernels replacingGradients() {
    return this;
  }

  /// Operations beside products that are better than ggml's, where there are any.
  default @Nullable CudaOperations cuda() {
    return null;
  }

  /// Whether the gradient at the inputs of a matrix needs the matrix's transposed copy.
  ///
  /// @param type what the forward pass multiplies with
  default boolean needTransposed(GgmlType type) {
    return true;
  }

  /// What products with a matrix take for its inputs, and the backward pass needs of them.
  default Tensor operand(Tape tape, Weight weight, Tensor x) {
    return x;
  }

  /// Y, by `ggml_mul_mat` unless there is something better.
  default Tensor forward(Operations operations, Weight weight, Tensor operand) {
    return operations.multiplyMatrices(weight.value(), operand);
  }

  /// dX, likewise, with the transposed copy.
  default Tensor atInput(Gradients gradients, Weight weight, Tensor gradient) {
    return gradients.operations().multiplyMatrices(weight.requireTransposed(), gradient);
  }

  /// Adds dW to the gradient of the weight.
  void accumulate(Gradients gradients, Weight weight, Tensor operand, Tensor gradient);

  /// Adds `Σ x xᵀ` over tokens to sums, with the x rounded to BF16.
  ///
  /// @param sums [k, k] F32
  /// @param x [k, tokens] F32
  default Tensor addOuterProducts(Operations operations, Tensor sums, Tensor x) {
    Tensor byToken = operations.contiguous(operations.transpose(x));
    return operations.addInPlace(
        sums, operations.multiplyMatrices(operations.cast(byToken, GgmlType.BF16), byToken));
  }

  /// Builds causal self-attention; see [Tape#attention].
  AttentionNodes attention(
      Tape tape, Variable q, Variable k, Variable v, AttentionMask mask, float scale);
}
