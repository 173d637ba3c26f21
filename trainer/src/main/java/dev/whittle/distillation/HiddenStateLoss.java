package dev.whittle.distillation;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.model.LayerLoss;
import java.util.ArrayList;
import java.util.List;

/// [Objective#HIDDEN]: how far the student's hidden states are from the teacher's behind each
/// layer, as TinyBERT does for models of one shape (Jiao et al. 2020, equation 8).
///
/// For the states s and h of a token behind a layer the loss is ‖s − h‖² / ‖h‖², and its gradient
/// at s is 2 (s − h) / ‖h‖². Divided so, layers and tokens count alike, although the states grow
/// from layer to layer and some tokens have ones that are a hundred times those of others.
final class HiddenStateLoss implements LayerLoss, AutoCloseable {
  /// Added to ‖h‖², so that states of zero divide nothing by zero.
  private static final float TINY = 1e-12f;

  private final List<Tensor> teacher;
  private final List<Tensor> factors = new ArrayList<>();
  private final TensorContext context = new TensorContext(2);
  private final Tensor weights;
  private final Tensor losses;
  private final long bytes;

  /// @param teacher its states behind each layer, [width, tokens + 1] F32
  HiddenStateLoss(Backend backend, List<Tensor> teacher) {
    this.teacher = List.copyOf(teacher);
    weights = context.newTensor(GgmlType.F32, 1, teacher.getFirst().dimension(1) - 1);
    losses = context.newTensor(GgmlType.F32, 1, teacher.size());
    bytes = context.allocate(backend);
  }

  @Override
  public Nodes build(Operations ops, int layer, Tensor states) {
    Tensor wanted = ops.columns(teacher.get(layer), 0, states.dimension(1));
    Tensor difference = ops.subtract(states, wanted);
    Tensor square = ops.sumRows(ops.multiply(wanted, wanted));
    Tensor share = ops.divide(weights, ops.scaleAndShift(square, 1, TINY));
    Tensor byToken = ops.multiply(ops.sumRows(ops.multiply(difference, difference)), share);
    Tensor sum = ops.sumRows(ops.reshape(byToken, byToken.elements()));
    Tensor factor = ops.scale(share, 0);
    factors.add(factor);
    return new Nodes(
        ops.multiply(difference, factor), ops.copy(sum, ops.columns(losses, layer, 1)));
  }

  /// Takes the factor on the gradient, 0 until now.
  void use(double weight) {
    factors.forEach(factor -> Operations.rescale(factor, (float) (2 * weight)));
  }

  /// Takes the weights of the tokens of the next backward pass.
  void load(float[] tokenWeights) {
    float[] shares = tokenWeights.clone();
    for (int i = 0; i < shares.length; i++) {
      shares[i] /= teacher.size();
    }
    weights.write(shares);
  }

  /// What the last backward pass found: the mean over the layers of the sum over the tokens by
  /// their weights, without the factor on the gradient.
  double value() {
    double sum = 0;
    for (float loss : losses.readFloats()) {
      sum += loss;
    }
    return sum;
  }

  long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    context.close();
  }
}
