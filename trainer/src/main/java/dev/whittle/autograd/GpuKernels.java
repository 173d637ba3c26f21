package dev.whittle.autograd;

import dev.whittle.ggml.CudaOperations;
import dev.whittle.ggml.Tensor;
import org.jspecify.annotations.Nullable;

/// Products as they suit a GPU: the gradient of a matrix and attention's products multiply F32 from
/// where it lies, as TF32 on NVIDIA's GPUs, because ggml's kernels for rounded or transposed copies
/// take longer than the products.
final class GpuKernels implements Kernels {
  private final @Nullable CudaOperations cuda;
  private final boolean replaces;

  /// @param cuda null to compose everything of ggml's operations
  /// @param replaces whether gradients of matrices replace what was there before
  GpuKernels(@Nullable CudaOperations cuda, boolean replaces) {
    this.cuda = cuda;
    this.replaces = replaces;
  }

  @Override
  public Kernels replacingGradients() {
    return new GpuKernels(cuda, true);
  }

  @Override
  public @Nullable CudaOperations cuda() {
    return cuda;
  }

  @Override
  public void accumulate(Gradients gradients, Weight weight, Tensor operand, Tensor gradient) {
    Tensor product = gradients.operations().outerProduct(operand, gradient);
    if (replaces) {
      gradients.operations().context().alias(product, weight.requireGradient());
      gradients.accumulated(product);
    } else {
      gradients.accumulate(weight, product);
    }
  }

  @Override
  public AttentionNodes attention(
      Tape tape, Variable q, Variable k, Variable v, AttentionMask mask, float scale) {
    return new GpuAttention(tape, cuda, q, k, v, mask, scale);
  }
}
