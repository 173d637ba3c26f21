package dev.whittle.distillation;

import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The losses of [LossMix] over logits, with their gradients in closed form.
///
/// With temperature τ, p = softmax(teacher / τ), q = softmax(student / τ) and m = (p + q) / 2, the
/// gradients at student / τ are
///
/// - KL(p‖q): q − p
/// - KL(q‖p): q · (ln(q / p) − KL(q‖p))
/// - JSD: ½ · q · (ln(q / m) − KL(q‖m))
/// - cross-entropy, at τ = 1: q − onehot
///
/// The factor 1/τ of the inner derivative and the factor τ² of [LossMix] make τ.
final class LossGraph {
  /// Below this a probability is as good as zero: keeps logarithms finite. A term with such a
  /// probability as its factor vanishes anyway.
  private static final float TINY = 1e-30f;

  /// A term of the sum: its nodes scale the loss of each token and its gradient by the weight.
  ///
  /// @param weight of the term in a mix
  /// @param lossFactor what the loss is multiplied by beside
  /// @param gradientFactor what the gradient is multiplied by beside
  private record Term(
      ToDoubleFunction<LossMix> weight,
      Tensor loss,
      Tensor gradient,
      double lossFactor,
      double gradientFactor) {
    void use(LossMix mix) {
      Operations.rescale(loss, (float) (weight.applyAsDouble(mix) * lossFactor));
      Operations.rescale(gradient, (float) (weight.applyAsDouble(mix) * gradientFactor));
    }
  }

  private final Operations ops;
  private final LossMix mix;
  private final List<Term> terms = new ArrayList<>();
  private final Tensor losses;
  private final Tensor gradient;
  private final Tensor weights;

  /// Builds the nodes.
  ///
  /// @param mix whatever has a weight here can have another one later
  /// @param student logits [vocabulary, tokens]
  /// @param teacher logits [vocabulary, tokens]; null if the mix is cross-entropy alone
  /// @param targets for cross-entropy: token · vocabulary + the token that follows, [tokens] I32
  /// @param given the weight of each token [1, tokens]
  /// @param confidence γ of the confidence-aware term
  LossGraph(
      Operations ops,
      LossMix mix,
      double confidence,
      Tensor student,
      @Nullable Tensor teacher,
      Tensor targets,
      Tensor given) {
    this.ops = ops;
    this.mix = mix;
    Tensor p = teacher == null ? null : ops.softmax(teacher, null, (float) (1 / mix.temperature()));
    if (p != null) {
      addDivergences(confidence, student, p);
    }
    if (mix.weight(Objective.CE) > 0) {
      addCrossEntropy(student, targets);
    }
    losses = terms.stream().map(Term::loss).reduce(ops::add).orElseThrow();
    weights = p == null ? given : mix.tokenWeights().build(ops, p, given);
    Tensor sum = terms.stream().map(Term::gradient).reduce(ops::add).orElseThrow();
    gradient = ops.multiply(sum, weights);
  }

  /// The loss of each token [1, tokens], unweighted.
  Tensor losses() {
    return losses;
  }

  /// The gradient at the student's logits [vocabulary, tokens], times the weight of each token.
  Tensor gradient() {
    return gradient;
  }

  /// The weight of each token [1, tokens]: the given one times what [LossMix#tokenWeights] makes of
  /// it.
  Tensor weights() {
    return weights;
  }

  /// Gives the terms the weights of another mix, which has none that was not there.
  void use(LossMix other) {
    terms.forEach(term -> term.use(other));
  }

  private void addDivergences(double confidence, Tensor student, Tensor p) {
    ToDoubleFunction<LossMix> forward = m -> m.forwardKl(confidence);
    ToDoubleFunction<LossMix> reverse = m -> m.reverseKl(confidence);
    ToDoubleFunction<LossMix> jsd = m -> m.weight(Objective.JSD);
    if (Stream.of(forward, reverse, jsd).noneMatch(this::counts)) {
      return;
    }
    Tensor q = ops.softmax(student, null, (float) (1 / mix.temperature()));
    Tensor logP = logarithm(p);
    Tensor logQ = logarithm(q);
    if (counts(forward)) {
      Tensor kl = ops.sumRows(ops.multiply(p, ops.subtract(logP, logQ)));
      addDivergence(forward, 1, kl, ops.subtract(q, p));
    }
    if (counts(reverse)) {
      Tensor ratio = ops.subtract(logQ, logP);
      Tensor kl = ops.sumRows(ops.multiply(q, ratio));
      addDivergence(reverse, 1, kl, ops.multiply(ops.subtract(ratio, kl), q));
    }
    if (counts(jsd)) {
      Tensor logM = logarithm(ops.scale(ops.add(p, q), 0.5f));
      Tensor ratio = ops.subtract(logQ, logM);
      Tensor klQ = ops.sumRows(ops.multiply(q, ratio));
      Tensor klP = ops.sumRows(ops.multiply(p, ops.subtract(logP, logM)));
      addDivergence(jsd, 0.5, ops.add(klP, klQ), ops.multiply(ops.subtract(ratio, klQ), q));
    }
  }

  private boolean counts(ToDoubleFunction<LossMix> weight) {
    return weight.applyAsDouble(mix) > 0;
  }

  private void addDivergence(
      ToDoubleFunction<LossMix> weight, double factor, Tensor loss, Tensor gradient) {
    double tau = mix.temperature();
    add(weight, loss, gradient, factor * tau * tau, factor * tau);
  }

  private void add(
      ToDoubleFunction<LossMix> weight,
      Tensor loss,
      Tensor gradient,
      double lossFactor,
      double gradientFactor) {
    Term term =
        new Term(weight, ops.scale(loss, 1), ops.scale(gradient, 1), lossFactor, gradientFactor);
    term.use(mix);
    terms.add(term);
  }

  /// The one-hot vector is never made: only the target's element of q changes.
  private void addCrossEntropy(Tensor student, Tensor targets) {
    long vocabulary = student.dimension(0);
    long tokens = student.dimension(1);
    Tensor q = ops.softmax(student, null, 1);
    Tensor flat = ops.reshape(q, 1, vocabulary * tokens);
    Tensor target = ops.rows(flat, targets);
    Tensor minusOne = ops.scaleAndShift(target, 1, -1);
    // A copy, because q is read above, in no defined order.
    Tensor copy = ops.reshape(ops.contiguous(q), 1, vocabulary * tokens);
    Tensor atLogits = ops.reshape(ops.setRows(copy, minusOne, targets), vocabulary, tokens);
    add(m -> m.weight(Objective.CE), logarithm(target), atLogits, -1, 1);
  }

  private Tensor logarithm(Tensor probabilities) {
    return ops.log(ops.scaleAndShift(probabilities, 1, TINY));
  }
}
