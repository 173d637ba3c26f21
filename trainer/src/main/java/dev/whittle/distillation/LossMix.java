package dev.whittle.distillation;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// A weighted sum of objectives.
///
/// @param weights the share of each objective, positive
/// @param temperature the temperature of both distributions in all terms that compare them. These
///   terms are multiplied by its square, so that their gradients keep their size (Hinton et al.
///   2015)
public record LossMix(Map<Objective, Double> weights, double temperature) {
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

  /// A single objective at temperature 1.
  public static LossMix of(Objective objective) {
    return new LossMix(Map.of(objective, 1.0), 1);
  }

  /// Reads `forward-kl`, or a mix such as `forward-kl:0.9,ce:0.1`.
  ///
  /// @throws IllegalArgumentException if it names an unknown objective or a weight that is not a
  ///   positive number
  public static LossMix parse(String text, double temperature) {
    Map<Objective, Double> weights = new LinkedHashMap<>();
    for (String part : text.split(",", -1)) {
      String[] pair = part.strip().split(":", 2);
      Objective objective =
          Arrays.stream(Objective.values())
              .filter(o -> o.label().equals(pair[0].toLowerCase(Locale.ROOT)))
              .findFirst()
              .orElseThrow(() ->
                  new IllegalArgumentException(
                      "'"
                          + pair[0]
                          + "' is not a loss; use "
                          + Arrays.stream(Objective.values())
                              .map(Objective::label)
                              .collect(Collectors.joining(", "))));
      double weight;
      try {
        weight = pair.length == 1 ? 1 : Double.parseDouble(pair[1]);
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException("'" + pair[1] + "' is not the weight of a loss");
      }
      if (weights.put(objective, weight) != null) {
        throw new IllegalArgumentException("the loss '" + pair[0] + "' is named twice");
      }
    }
    return new LossMix(weights, temperature);
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

  /// Whether the states behind every layer of the teacher are needed, and not only the last ones.
  public boolean comparesStates() {
    return weight(Objective.HIDDEN) > 0;
  }

  /// Whether the teacher's confidence has to be known.
  public boolean needsConfidence() {
    return weight(Objective.CAKLD) > 0;
  }

  @Override
  public String toString() {
    return Arrays.stream(Objective.values())
        .filter(weights::containsKey)
        .map(o -> weights.get(o) == 1 ? o.label() : o.label() + ":" + weights.get(o))
        .collect(Collectors.joining(","));
  }
}
