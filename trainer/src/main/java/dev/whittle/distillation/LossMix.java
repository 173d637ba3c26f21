package dev.whittle.distillation;

import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/// A weighted sum of objectives.
///
/// @param weights the share of each objective, positive
/// @param temperature the temperature of both distributions in all terms that compare them. These
///   terms are multiplied by its square, so that their gradients keep their size (Hinton et al.
///   2015)
/// @param tokenWeights how much each token counts
public record LossMix(
    Map<Objective, Double> weights, double temperature, TokenWeights tokenWeights) {
  public LossMix {
    if (weights.isEmpty() || weights.values().stream().anyMatch(w -> !(w > 0))) {
      throw new IllegalArgumentException("a loss needs objectives with positive weights");
    }
    if (weights.keySet().equals(Set.of(Objective.HIDDEN))) {
      throw new IllegalArgumentException(
          "the loss 'hidden' leaves out the head; add another one, such as forward-kl,hidden");
    }
    if (!(temperature > 0)) {
      throw new IllegalArgumentException("the temperature must be positive, not " + temperature);
    }
    weights = Map.copyOf(weights);
  }

  /// A single objective at temperature 1, with tokens that all count the same.
  public static LossMix of(Objective objective) {
    return new LossMix(Map.of(objective, 1.0), 1, TokenWeights.UNIFORM);
  }

  /// Every objective of this mix and another one, with the higher of its weights.
  LossMix or(LossMix other) {
    Map<Objective, Double> all = new EnumMap<>(weights);
    other.weights.forEach((objective, weight) -> all.merge(objective, weight, Math::max));
    return new LossMix(all, temperature, tokenWeights);
  }

  /// The same without comparing hidden states.
  LossMix withoutStates() {
    Map<Objective, Double> others = new EnumMap<>(weights);
    others.remove(Objective.HIDDEN);
    return new LossMix(others, temperature, tokenWeights);
  }

  double weight(Objective objective) {
    return weights.getOrDefault(objective, 0.0);
  }

  /// The share of KL(P‖Q) and of KL(Q‖P), with the confidence-aware term split by γ.
  double forwardKl(double confidence) {
    return weight(Objective.FORWARD_KL) + (1 - confidence) * weight(Objective.CAKLD);
  }

  double reverseKl(double confidence) {
    return weight(Objective.REVERSE_KL) + confidence * weight(Objective.CAKLD);
  }

  /// Whether any term reads what the teacher makes of a token.
  public boolean needsTeacher() {
    return weights.keySet().stream().anyMatch(o -> o != Objective.CE);
  }

  /// Whether the temperature decides anything: a term compares distributions, or tokens weigh by
  /// the teacher's.
  public boolean isTempered() {
    return tokenWeights != TokenWeights.UNIFORM
        || weights.keySet().stream().anyMatch(o -> o != Objective.CE && o != Objective.HIDDEN);
  }

  /// Whether the states behind every layer of the teacher are needed, and not only the last ones.
  public boolean comparesStates() {
    return weight(Objective.HIDDEN) > 0;
  }

  /// Whether the teacher's confidence has to be known.
  public boolean needsConfidence() {
    return weight(Objective.CAKLD) > 0;
  }
}
