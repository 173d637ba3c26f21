package dev.whittle.distillation;

import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import java.util.ArrayList;
import java.util.List;
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

  /// What the nodes compute.
  ///
  /// @param losses the loss of each token [1, tokens], unweighted
  /// @param gradient the gradient at the student's logits [vocabulary, tokens], times the weight of
  ///   each token
  record Nodes(Tensor losses, Tensor gradient) {}

  private final Operations ops;
  private final List<Tensor> losses = new ArrayList<>();
  private final List<Tensor> gradients = new ArrayList<>();

  private LossGraph(Operations ops) {
    this.ops = ops;
  }

  /// Builds the nodes.
  ///
  /// @param student logits [vocabulary, tokens]
  /// @param teacher logits [vocabulary, tokens]; null if the mix is cross-entropy alone
  /// @param targets for cross-entropy: token · vocabulary + the token that follows, [tokens] I32
  /// @param weights the weight of each token [1, tokens]
  /// @param confidence γ of the confidence-aware term
  static Nodes build(
      Operations ops,
      LossMix mix,
      double confidence,
      Tensor student,
      @Nullable Tensor teacher,
      Tensor targets,
      Tensor weights) {
    LossGraph graph = new LossGraph(ops);
    if (teacher != null) {
      graph.addDivergences(mix, confidence, student, teacher);
    }
    double ce = mix.weight(Objective.CE);
    if (ce > 0) {
      graph.addCrossEntropy(ce, student, targets);
    }
    Tensor loss = graph.losses.stream().reduce(ops::add).orElseThrow();
    Tensor gradient = graph.gradients.stream().reduce(ops::add).orElseThrow();
    return new Nodes(loss, ops.multiply(gradient, weights));
  }

  private void addDivergences(LossMix mix, double confidence, Tensor student, Tensor teacher) {
    float tau = (float) mix.temperature();
    double forward = mix.forwardKl(confidence);
    double reverse = mix.reverseKl(confidence);
    double jsd = mix.weight(Objective.JSD);
    if (forward + reverse + jsd <= 0) {
      return;
    }
    Tensor p = ops.softmax(teacher, null, 1 / tau);
    Tensor q = ops.softmax(student, null, 1 / tau);
    Tensor logP = logarithm(p);
    Tensor logQ = logarithm(q);
    if (forward > 0) {
      add(forward, tau, ops.sumRows(ops.multiply(p, ops.subtract(logP, logQ))), ops.subtract(q, p));
    }
    if (reverse > 0) {
      Tensor ratio = ops.subtract(logQ, logP);
      Tensor kl = ops.sumRows(ops.multiply(q, ratio));
      add(reverse, tau, kl, ops.multiply(ops.subtract(ratio, kl), q));
    }
    if (jsd > 0) {
      Tensor logM = logarithm(ops.scale(ops.add(p, q), 0.5f));
      Tensor ratio = ops.subtract(logQ, logM);
      Tensor klQ = ops.sumRows(ops.multiply(q, ratio));
      Tensor klP = ops.sumRows(ops.multiply(p, ops.subtract(logP, logM)));
      add(0.5 * jsd, tau, ops.add(klP, klQ), ops.multiply(ops.subtract(ratio, klQ), q));
    }
  }

  private void add(double weight, float tau, Tensor loss, Tensor gradient) {
    losses.add(ops.scale(loss, (float) (weight * tau * tau)));
    gradients.add(ops.scale(gradient, (float) (weight * tau)));
  }

  /// The one-hot vector is never made: only the target's element of q changes.
  private void addCrossEntropy(double weight, Tensor student, Tensor targets) {
    long vocabulary = student.dimension(0);
    long tokens = student.dimension(1);
    Tensor q = ops.softmax(student, null, 1);
    Tensor flat = ops.reshape(q, 1, vocabulary * tokens);
    Tensor target = ops.rows(flat, targets);
    losses.add(ops.scale(logarithm(target), (float) -weight));
    Tensor minusOne = ops.scaleAndShift(target, 1, -1);
    // A copy, because q is read above, in no defined order.
    Tensor copy = ops.reshape(ops.contiguous(q), 1, vocabulary * tokens);
    Tensor gradient = ops.reshape(ops.setRows(copy, minusOne, targets), vocabulary, tokens);
    gradients.add(ops.scale(gradient, (float) weight));
  }

  private Tensor logarithm(Tensor probabilities) {
    return ops.log(ops.scaleAndShift(probabilities, 1, TINY));
  }
}
