package dev.whittle.autograd;

import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Rope;
import dev.whittle.ggml.Tensor;
import java.util.ArrayList;
import java.util.List;

/// Records the operations of a forward pass, each with the rule that builds its backward nodes.
///
/// The forward nodes are built as the methods are called. [#differentiate] then builds the backward
/// nodes, into the same context (so that one graph computes both: the forward pass is recomputed in
/// the backward pass) or into another one (so that the forward pass's results are kept).
public final class Tape {
  private final Operations forward;
  private final List<Step> steps = new ArrayList<>();
  private final List<Saved> saved = new ArrayList<>();

  /// Builds the backward nodes of one operation for the gradient at its result.
  @FunctionalInterface
  interface Rule {
    void apply(Tensor gradient, Gradients gradients);
  }

  private record Step(Variable result, Rule rule) {}

  public Tape(Operations forward) {
    this.forward = forward;
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
  /// input times output gradient. Both run as `ggml_mul_mat` of transposed BF16 copies, four to
  /// five times as fast on a CPU as `ggml_out_prod`.
  public Variable linear(Weight weight, Variable x) {
    Tensor y = forward.multiplyMatrices(weight.value(), x.tensor());
    if (!weight.isTrained() && !x.needsGradient()) {
      return new Variable(y, false);
    }
    Saved input = weight.isTrained() ? save(x.tensor()) : null;
    return record(
        y,
        (gradient, gradients) -> {
          Operations ops = gradients.operations();
          if (x.needsGradient()) {
            Tensor transposed = weight.transposed();
            if (transposed == null) {
              throw new IllegalStateException(
                  weight.name() + " has no transposed copy, so no gradient can flow through it");
            }
            gradients.add(x, ops.multiplyMatrices(transposed, gradient));
          }
          if (input != null) {
            gradients.accumulate(
                weight,
                ops.multiplyMatrices(
                    gradients.transposedBf16(input.in(gradients)),
                    gradients.transposedBf16(gradient)));
          }
        });
  }

  /// `x` [n, tokens] plus a bias [n].
  public Variable addBias(Variable x, Weight bias) {
    Tensor y = forward.add(x.tensor(), bias.value());
    return record(
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
    Tensor normalized = forward.rmsNorm(x.tensor(), epsilon);
    Tensor y = forward.multiply(normalized, weight.value());
    Saved input = save(x.tensor());
    Saved unit = weight.isTrained() ? save(normalized) : null;
    return record(
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
        y,
        (gradient, gradients) -> {
          Operations ops = gradients.operations();
          Tensor gateValue = g.in(gradients);
          gradients.add(up, ops.multiply(gradient, ops.silu(gateValue)));
          gradients.add(gate, ops.siluBack(ops.multiply(gradient, u.in(gradients)), gateValue));
        });
  }

  /// Rotary position embedding of `x` [head, heads, tokens] (Su et al. 2021).
  public Variable rope(Variable x, Tensor positions, Rope rope) {
    Tensor y = forward.rope(x.tensor(), positions, rope);
    return record(
        y,
        (gradient, gradients) ->
            gradients.add(x, gradients.operations().ropeBack(gradient, positions, rope)));
  }

  /// The same elements in another shape.
  public Variable reshape(Variable x, long... shape) {
    Tensor y = forward.reshape(x.tensor(), shape);
    Tensor source = x.tensor();
    return record(
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
        y,
        (gradient, gradients) ->
            gradients.add(x, gradients.operations().setRows(scattered, gradient, indices)));
  }

  /// Causal self-attention with grouped key-value heads; see [Attention].
  ///
  /// @param q [head, heads, tokens]
  /// @param k [head, keyValueHeads, tokens]
  /// @param v [head, keyValueHeads, tokens]
  /// @param mask [rowLength, rowLength, 1, rows] F32, added to the scores
  /// @return [head · heads, tokens]
  public Variable attention(Variable q, Variable k, Variable v, Tensor mask, float scale) {
    Attention attention = new Attention(this, q, k, v, mask, scale);
    return record(attention.result(), attention::differentiate);
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

  private Variable record(Tensor result, Rule rule) {
    Variable variable = new Variable(result, true);
    steps.add(new Step(variable, rule));
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
