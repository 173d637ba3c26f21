package dev.whittle.autograd;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.onednn.OneDnn;

/// Products of BF16 factors by oneDNN, which takes them transposed as they lie, so that nothing is
/// copied but what has to be rounded. A forward product with a matrix of another type, such as the
/// blocks themselves, is ggml's.
final class OneDnnKernels implements Kernels {
  private final OneDnn library;
  private final boolean fusesAttention;

  OneDnnKernels(OneDnn library, boolean fusesAttention) {
    this.library = library;
    this.fusesAttention = fusesAttention;
  }

  @Override
  public Kernels withDeployedAttention() {
    return new OneDnnKernels(library, false);
  }

  @Override
  public boolean needTransposed(GgmlType type) {
    return type != GgmlType.BF16;
  }

  @Override
  public Tensor operand(Tape tape, Weight weight, Tensor x) {
    return isOurs(weight) ? tape.rounded(x) : x;
  }

  @Override
  public Tensor forward(Operations operations, Weight weight, Tensor operand) {
    return isOurs(weight)
        ? library.multiply(operations, weight.value(), operand)
        : operations.multiplyMatrices(weight.value(), operand);
  }

  @Override
  public Tensor atInput(Gradients gradients, Weight weight, Tensor gradient) {
    Operations ops = gradients.operations();
    Tensor matrix = isOurs(weight) ? ops.transpose(weight.value()) : weight.requireTransposed();
    return library.multiply(ops, matrix, gradients.rounded(gradient));
  }

  @Override
  public void accumulate(Gradients gradients, Weight weight, Tensor operand, Tensor gradient) {
    Operations ops = gradients.operations();
    Tensor inputs = operand.type() == GgmlType.BF16 ? operand : gradients.rounded(operand);
    gradients.accumulated(
        library.addProduct(
            ops,
            weight.requireGradient(),
            ops.transpose(inputs),
            ops.transpose(gradients.rounded(gradient))));
  }

  @Override
  public Tensor addOuterProducts(Operations operations, Tensor sums, Tensor x) {
    Tensor byToken = operations.transpose(operations.cast(x, GgmlType.BF16));
    return library.addProduct(operations, sums, byToken, byToken);
  }

  @Override
  public AttentionNodes attention(
      Tape tape, Variable q, Variable k, Variable v, AttentionMask mask, float scale) {
    return fusesAttention
        ? new FusedAttention(library, tape, q, k, v, mask, scale)
        : new Attention(tape, q, k, v, mask.scores(), scale);
  }

  private static boolean isOurs(Weight weight) {
    return weight.value().type() == GgmlType.BF16;
  }
}
