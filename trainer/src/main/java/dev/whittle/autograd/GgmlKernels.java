package dev.whittle.autograd;

import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;

/// Products by `ggml_mul_mat`, which every backend has. The backward ones multiply with transposed
/// BF16 copies: four to five times as fast on a CPU as `ggml_out_prod`.
final class GgmlKernels implements Kernels {
  private static final long SLICE_ELEMENTS = 1 << 24;

  /// Graphs have room for so many nodes only.
  private static final long MOST_SLICES = 16;

  private final long sliceElements;

  GgmlKernels() {
    this(SLICE_ELEMENTS);
  }

  /// @param sliceElements about so many elements of a weight's gradient are computed before they
  ///   are added: for a large vocabulary, all at once would take as much memory again as the
  ///   gradient
  GgmlKernels(long sliceElements) {
    this.sliceElements = sliceElements;
  }

  @Override
  public void accumulate(Gradients gradients, Weight weight, Tensor operand, Tensor gradient) {
    Operations ops = gradients.operations();
    Tensor inputs = gradients.transposedBf16(operand);
    Tensor outputs = gradients.transposedBf16(gradient);
    Tensor total = weight.requireGradient();
    long step = columnsAtATime(total);
    for (long first = 0; first < total.dimension(1); first += step) {
      long count = Math.min(step, total.dimension(1) - first);
      Tensor product = ops.multiplyMatrices(inputs, ops.columns(outputs, first, count));
      gradients.accumulated(ops.addInPlace(ops.columns(total, first, count), product));
    }
  }

  private long columnsAtATime(Tensor total) {
    long slices = Math.clamp(total.elements() / sliceElements, 1, MOST_SLICES);
    return Math.ceilDiv(total.dimension(1), slices);
  }

  @Override
  public AttentionNodes attention(
      Tape tape, Variable q, Variable k, Variable v, AttentionMask mask, float scale) {
    return new Attention(tape, q, k, v, mask.scores(), scale);
  }
}
