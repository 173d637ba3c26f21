package dev.whittle.autograd;

import dev.whittle.ggml.CudaOperations;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Rope;
import dev.whittle.ggml.Tensor;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/// Records the operations of a forward pass, each with the rule that builds its backward nodes.
///
/// The forward nodes are built as the methods are called. [#differentiate] then builds the backward
/// nodes, into the same context (so that one graph computes both: the forward pass is recomputed in
/// the backward pass) or into another one (so that the forward pass's results are kept).
public final class Tape {
  private final Operations forward;
  private final Kernels kernels;
  private final Map<Tensor, Tensor> rounded = new IdentityHashMap<>();
  private final List<Step> steps = new ArrayList<>();
  private final List<Saved> saved = new ArrayList<>();

  /// Builds the backward nodes of one operation for the gradient at its result.
  @FunctionalInterface
  interface Rule {
    void apply(Tensor gradient, Gradients gradients);
  }

  private record Step(Variable result, Rule rule) {}

  /// @param kernels how linear layers and attention are computed
  public Tape(Operations forward, Kernels kernels) {
    this.forward = forward;
    this.kernels = kernels;
  }

  /// The builder of forward nodes, for operations through which no gradient flows.
  public Operations operations() {
    return forward;
  }

  /// A value that comes from outside of the tape.
  ///
  /// @param needsGradient whether [Gradients#at] will be asked for its gradient
  public Variable input(Tensor tensor, boolean needsGradient) {
    return new Variable(tensor, needsGradient);
  }

  /// The product of a matrix [k, n] and `x` [k, tokens]: [n, tokens].
  ///
  /// Backward: at x, the product with the decoded matrix; at the matrix, the sum over the tokens of
  /// input times output gradient. Both take BF16 factors.
  public Variable linear(Weight weight, Variable x) {
    Tensor operand = kernels.operand(this, weight, x.tensor());
    Tensor y = kernels.forward(forward, weight, operand);
    if (!weight.isTrained() && !x.needsGradient()) {
      return new Variable(y, false);
    }
    Saved input = weight.isTrained() ? save(operand) : null;
    return record(
        true,
        y,
        (gradient, gradients) -> {
          if (x.needsGradient()) {
            gradients.add(x, kernels.atInput(gradients, weight, gradient));
          }
          if (input != null) {
            kernels.accumulate(gradients, weight, input.in(gradients), gradient);
          }
        });
  }

  /// `x` [n, tokens] plus a bias [n].
  public Variable addBias(Variable x, Weight bias) {
    Tensor y = forward.add(x.tensor(), bias.value());
    return record(
        x.needsGradient() || bias.isTrained(),
        y,
        (gradient, gradients) -> {
          gradients.add(x, gradient);
          if (bias.isTrained()) {
            gradients.accumulate(bias, gradients.sumOverTokens(gradient));
          }
        });
  }

  /// The sum of two values of the same shape.
  public Variable add(Variable a, Variable b) {
    Tensor y = forward.add(a.tensor(), b.tensor());
    return record(
        a.needsGradient() || b.needsGradient(),
        y,
        (gradient, gradients) -> {
          gradients.add(a, gradient);
          gradients.add(b, gradient);
        });
  }

  /// RMS normalization over dimension 0, times a weight [n] (Zhang and Sennrich 2019).
  ///
  /// @param x [n, …]
  public Variable rmsNorm(Variable x, Weight weight, float epsilon) {
    CudaOperations cuda = kernels.cuda();
    if (cuda != null
        && cuda.normalizes(x.tensor().dimension(0))
        && x.needsGradient() == weight.isTrained()) {
      Tensor y = cuda.rmsNorm(forward, x.tensor(), weight.value(), epsilon);
      Saved input = save(x.tensor());
      return record(
          x.needsGradient() || weight.isTrained(),
          y,
          (gradient, gradients) ->
              gradients.add(
                  x,
                  cuda.rmsNormBack(
                      gradients.operations(),
                      gradient,
                      input.in(gradients),
                      weight.value(),
                      weight.requireGradient(),
                      epsilon)));
    }
    Tensor normalized = forward.rmsNorm(x.tensor(), epsilon);
    Tensor y = forward.multiply(normalized, weight.value());
    Saved input = save(x.tensor());
    Saved unit = weight.isTrained() ? save(normalized) : null;
    return record(
        x.needsGradient() || weight.isTrained(),
        y,
        (gradient, gradients) -> {
          Operations ops = gradients.operations();
          if (unit != null) {
            gradients.accumulate(
                weight, gradients.sumOverTokens(ops.multiply(gradient, unit.in(gradients))));
          }
          if (x.needsGradient()) {
            gradients.add(
                x,
                ops.rmsNormBack(
                    ops.multiply(gradient, weight.value()), input.in(gradients), epsilon));
          }
        });
  }

  /// silu(gate) · up (Shazeer 2020).
  public Variable swiglu(Variable gate, Variable up) {
    Tensor y = forward.swiglu(gate.tensor(), up.tensor());
    Saved g = save(gate.tensor());
    Saved u = save(up.tensor());
    return record(
        gate.needsGradient() || up.needsGradient(),
        y,
        (gradient, gradients) -> {
          Operations ops = gradients.operations();
          CudaOperations cuda = kernels.cuda();
          if (cuda != null) {
            Tensor both = cuda.swigluBack(ops, gradient, g.in(gradients), u.in(gradients));
            gradients.add(gate, ops.matrix(both, 0));
            gradients.add(up, ops.matrix(both, 1));
            return;
          }
          Tensor gateValue = g.in(gradients);
          gradients.add(up, ops.multiply(gradient, ops.silu(gateValue)));
          gradients.add(gate, ops.siluBack(ops.multiply(gradient, u.in(gradients)), gateValue));
        });
  }

  /// Rotary position embedding of `x` [head, heads, tokens] (Su et al. 2021).
  public Variable rope(Variable x, Tensor positions, Rope rope) {
    CudaOperations cuda = kernels.cuda();
    if (cuda != null && cuda.rotates(rope, x.tensor().dimension(0))) {
      return record(
          x.needsGradient(),
          cuda.rope(forward, x.tensor(), positions, rope, false),
          (gradient, gradients) ->
              gradients.add(x, cuda.rope(gradients.operations(), gradient, positions, rope, true)));
    }
    Tensor y = forward.rope(x.tensor(), positions, rope);
    return record(
        x.needsGradient(),
        y,
        (gradient, gradients) ->
            gradients.add(x, gradients.operations().ropeBack(gradient, positions, rope)));
  }

  /// The same elements in another shape.
  public Variable reshape(Variable x, long... shape) {
    Tensor y = forward.reshape(x.tensor(), shape);
    Tensor source = x.tensor();
    return record(
        x.needsGradient(),
        y,
        (gradient, gradients) ->
            gradients.add(
                x,
                gradients
                    .operations()
                    .reshape(
                        gradient,
                        source.dimension(0),
                        source.dimension(1),
                        source.dimension(2),
                        source.dimension(3))));
  }

  /// The rows of `x` [n, tokens] with the given distinct indices [m]: [n, m].
  ///
  /// @param scattered where the backward pass writes the gradient at x, [n, tokens], zero before;
  ///   [Gradients#at] then gives a view of it
  public Variable rows(Variable x, Tensor indices, Tensor scattered) {
    Tensor y = forward.rows(x.tensor(), indices);
    return record(
        x.needsGradient(),
        y,
        (gradient, gradients) ->
            gradients.add(x, gradients.operations().setRows(scattered, gradient, indices)));
  }

  /// Causal self-attention with grouped key-value heads over rows of packed documents (Vaswani et
  /// al. 2017; Ainslie et al. 2023): softmax(scale · Q·Kᵀ) · V.
  ///
  /// @param q [head, heads, tokens]
  /// @param k [head, keyValueHeads, tokens]
  /// @param v [head, keyValueHeads, tokens]
  /// @return [head · heads, tokens]
  public Variable attention(Variable q, Variable k, Variable v, AttentionMask mask, float scale) {
    AttentionNodes attention = kernels.attention(this, q, k, v, mask, scale);
    return record(
        q.needsGradient() || k.needsGradient() || v.needsGradient(),
        attention.result(),
        attention::differentiate);
  }

  /// The BF16 copy of a forward value, made once however many products read it.
  Tensor rounded(Tensor tensor) {
    return rounded.computeIfAbsent(tensor, t -> forward.cast(t, GgmlType.BF16));
  }

  /// Keeps a forward value for the backward pass.
  Saved save(Tensor tensor) {
    Saved s = new Saved(tensor);
    saved.add(s);
    return s;
  }

  /// Every forward value that a backward rule reads. Where the backward pass is a graph of its own,
  /// they have to be marked as outputs before the forward graph is allocated.
  public List<Tensor> savedTensors() {
    return saved.stream().map(Saved::tensor).toList();
  }

  /// Builds the backward nodes for the gradient `seed` at `result`.
  ///
  /// @param backward the builder of backward nodes, of the forward pass's context or another one;
  ///   in the latter case the forward graph must have been allocated
  /// @param ones F32 ones, [1, n] with n at least the number of rows that any bias or norm is
  ///   applied to
  public Gradients differentiate(Variable result, Tensor seed, Operations backward, Tensor ones) {
    Gradients gradients = new Gradients(backward, ones, backward.context() != forward.context());
    gradients.add(result, seed);
    for (Step step : steps.reversed()) {
      Tensor gradient = gradients.find(step.result());
      if (gradient != null) {
        step.rule().apply(gradient, gradients);
      }
    }
    return gradients;
  }

  /// @param needed whether a gradient has to reach anything that the result depends on
  private Variable record(boolean needed, Tensor result, Rule rule) {
    Variable variable = new Variable(result, needed);
    if (needed) {
      steps.add(new Step(variable, rule));
    }
    return variable;
  }

  /// A forward value that the backward pass reads.
  record Saved(Tensor tensor) {
    /// The value as a tensor of the backward pass's context.
    Tensor in(Gradients gradients) {
      return gradients.leaf(tensor);
    }
  }
}
