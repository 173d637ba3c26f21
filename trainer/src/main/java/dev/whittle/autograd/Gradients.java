package dev.whittle.autograd;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The backward nodes of a [Tape]: the gradient at each variable, and what is added to the weights'
/// gradients.
public final class Gradients {
  private final Operations operations;
  private final Tensor ones;
  private final boolean separate;
  private final Map<Variable, Tensor> at = new IdentityHashMap<>();
  private final Map<Tensor, Tensor> rounded = new IdentityHashMap<>();
  private final Map<Tensor, Tensor> transposed = new IdentityHashMap<>();
  private final Map<Tensor, Tensor> leaves = new IdentityHashMap<>();
  private final List<Tensor> accumulations = new ArrayList<>();

  Gradients(Operations operations, Tensor ones, boolean separate) {
    this.operations = operations;
    this.ones = ones;
    this.separate = separate;
  }

  /// The gradient at a variable.
  ///
  /// @throws IllegalStateException if no gradient reaches it
  public Tensor at(Variable variable) {
    Tensor gradient = at.get(variable);
    if (gradient == null) {
      throw new IllegalStateException("no gradient reaches " + variable.tensor());
    }
    return gradient;
  }

  /// The nodes that add to the weights' gradients; a graph has to hold all of them.
  public List<Tensor> accumulations() {
    return List.copyOf(accumulations);
  }

  @Nullable Tensor find(Variable variable) {
    return at.get(variable);
  }

  Operations operations() {
    return operations;
  }

  /// Adds to the gradient at a variable, if one is needed there.
  void add(Variable variable, Tensor gradient) {
    if (variable.needsGradient()) {
      at.merge(variable, gradient, operations::add);
    }
  }

  /// Adds to the gradient of a trained weight.
  void accumulate(Weight weight, Tensor gradient) {
    Tensor total = weight.requireGradient();
    Tensor shaped =
        operations.reshape(
            gradient,
            total.dimension(0),
            total.dimension(1),
            total.dimension(2),
            total.dimension(3));
    accumulations.add(operations.addInPlace(total, shaped));
  }

  /// Takes note of a node that adds to the gradient of a weight by itself.
  void accumulated(Tensor node) {
    accumulations.add(node);
  }

  /// The BF16 copy of a gradient or a forward value, made once however many products read it.
  Tensor rounded(Tensor tensor) {
    return rounded.computeIfAbsent(tensor, t -> operations.cast(t, GgmlType.BF16));
  }

  /// The transposed BF16 copy of a matrix, made once however many products read it.
  Tensor transposedBf16(Tensor matrix) {
    return transposed.computeIfAbsent(
        matrix, m -> operations.cast(operations.transpose(m), GgmlType.BF16));
  }

  /// The sum of `x` [n, …] over all but the first dimension: [n, 1].
  ///
  /// As a product by ones, since ggml's reductions run on one thread and only along dimension 0.
  Tensor sumOverTokens(Tensor x) {
    long rows = x.elements() / x.dimension(0);
    Tensor flat = operations.reshape(x, x.dimension(0), rows);
    return operations.outerProduct(flat, operations.columns(ones, 0, rows));
  }

  /// A forward value as a tensor that the backward graph can read without computing it again.
  Tensor leaf(Tensor forward) {
    if (!separate) {
      return forward;
    }
    return leaves.computeIfAbsent(
        forward,
        f -> {
          Tensor alias =
              operations
                  .context()
                  .newTensor(
                      f.type(), f.dimension(0), f.dimension(1), f.dimension(2), f.dimension(3));
          operations.context().alias(alias, f);
          return alias;
        });
  }
}
