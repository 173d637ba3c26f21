package dev.whittle.autograd;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/// Kernels that remember what each matrix of a pass is multiplied with, and the gradients at what
/// comes out.
public final class ObservedKernels implements Kernels {
  private final Kernels kernels;
  private final SequencedMap<String, Tensor> inputs = new LinkedHashMap<>();

  private final SequencedMap<String, Tensor> gradients = new LinkedHashMap<>();

  /// @param kernels what computes
  public ObservedKernels(Kernels kernels) {
    this.kernels = kernels;
  }

  /// The inputs of each matrix, [inputs, tokens], by the matrix's name, in the order of the pass.
  /// Matrices with the same inputs have the same tensor.
  public SequencedMap<String, Tensor> inputs() {
    return Collections.unmodifiableSequencedMap(inputs);
  }

  /// The gradients at the outputs of each matrix whose inputs need one, [outputs, tokens], by the
  /// matrix's name, in the order of the backward pass; empty before that is built.
  public SequencedMap<String, Tensor> gradients() {
    return Collections.unmodifiableSequencedMap(gradients);
  }

  @Override
  public Kernels withDeployedAttention() {
    return new ObservedKernels(kernels.withDeployedAttention());
  }

  @Override
  public boolean needTransposed(GgmlType type) {
    return kernels.needTransposed(type);
  }

  @Override
  public Tensor operand(Tape tape, Weight weight, Tensor x) {
    inputs.put(weight.name(), x);
    return kernels.operand(tape, weight, x);
  }

  @Override
  public Tensor forward(Operations operations, Weight weight, Tensor operand) {
    return kernels.forward(operations, weight, operand);
  }

  @Override
  public Tensor atInput(Gradients gradients, Weight weight, Tensor gradient) {
    this.gradients.put(weight.name(), gradient);
    return kernels.atInput(gradients, weight, gradient);
  }

  @Override
  public void accumulate(Gradients gradients, Weight weight, Tensor operand, Tensor gradient) {
    kernels.accumulate(gradients, weight, operand, gradient);
  }

  @Override
  public AttentionNodes attention(
      Tape tape, Variable q, Variable k, Variable v, AttentionMask mask, float scale) {
    return kernels.attention(tape, q, k, v, mask, scale);
  }
}
