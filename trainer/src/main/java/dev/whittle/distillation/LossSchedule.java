package dev.whittle.distillation;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/// A weighted sum of objectives whose weights may change over a run. The weights of a step depend
/// on its number alone.
///
/// @param ramps the weight of each objective
/// @param temperature see [LossMix]
/// @param tokenWeights how much each token counts
public record LossSchedule(
    Map<Objective, Ramp> ramps, double temperature, TokenWeights tokenWeights) {
  public LossSchedule {
    ramps = Map.copyOf(ramps);
    requireHead(ramps);
    LossMix widest = mix(ramps, temperature, tokenWeights, Ramp::highest);
    if (tokenWeights != TokenWeights.UNIFORM && !widest.needsTeacher()) {
      throw new IllegalArgumentException(
          "tokens weigh by what the teacher makes of them, which the loss 'ce' does not ask for; use"
              + " uniform weights, or add a loss such as forward-kl");
    }
  }

  /// A sum of zeros can only be where one of the weights begins or ends to change: between these
  /// places all are linear, and none is negative.
  private static void requireHead(Map<Objective, Ramp> ramps) {
    List<Ramp> head =
        ramps.entrySet().stream()
            .filter(e -> e.getKey() != Objective.HIDDEN)
            .map(Map.Entry::getValue)
            .toList();
    boolean never =
        DoubleStream.concat(
                DoubleStream.of(0, 1),
                head.stream().flatMapToDouble(r -> DoubleStream.of(r.start(), r.end())))
            .anyMatch(place -> head.stream().allMatch(ramp -> ramp.at(place) == 0));
    if (!head.isEmpty() && never) {
      throw new IllegalArgumentException(
          "at some step the loss has no weight but that of hidden states, which leaves out the head;"
              + " let another one stay above 0");
    }
  }

  /// A mix that stays as it is.
  public static LossSchedule of(LossMix mix) {
    Map<Objective, Ramp> ramps = new EnumMap<>(Objective.class);
    mix.weights().forEach((objective, weight) -> ramps.put(objective, Ramp.constant(weight)));
    return new LossSchedule(ramps, mix.temperature(), mix.tokenWeights());
  }

  /// A single objective at temperature 1.
  public static LossSchedule of(Objective objective) {
    return of(LossMix.of(objective));
  }

  /// Reads `forward-kl`, or a mix such as `forward-kl:0.9,ce:0.1`, or one that changes, such as
  /// `forward-kl,hidden:1..0@0.5` (see [Ramp#parse]), with tokens that all count the same.
  ///
  /// @throws IllegalArgumentException if it names an unknown objective or a weight that is not one
  public static LossSchedule parse(String text, double temperature) {
    return parse(text, temperature, TokenWeights.UNIFORM);
  }

  /// The same with other weights of tokens.
  public static LossSchedule parse(String text, double temperature, TokenWeights tokenWeights) {
    Map<Objective, Ramp> ramps = new LinkedHashMap<>();
    for (String part : text.split(",", -1)) {
      String[] pair = part.strip().split(":", 2);
      Objective objective = objective(pair[0]);
      if (ramps.put(objective, pair.length == 1 ? Ramp.constant(1) : weight(pair)) != null) {
        throw new IllegalArgumentException("the loss '" + pair[0] + "' is named twice");
      }
    }
    return new LossSchedule(ramps, temperature, tokenWeights);
  }

  private static Ramp weight(String[] pair) {
    try {
      return Ramp.parse(pair[1]);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "the weight of the loss '" + pair[0] + "': " + e.getMessage(), e);
    }
  }

  private static Objective objective(String name) {
    return Arrays.stream(Objective.values())
        .filter(o -> o.label().equals(name.toLowerCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "'"
                    + name
                    + "' is not a loss; use "
                    + Arrays.stream(Objective.values())
                        .map(Objective::label)
                        .collect(Collectors.joining(", "))));
  }

  /// Reads the weight of an objective off its ramp.
  @FunctionalInterface
  private interface Reading {
    double of(Ramp ramp);
  }

  private static LossMix mix(
      Map<Objective, Ramp> ramps, double temperature, TokenWeights tokenWeights, Reading reading) {
    Map<Objective, Double> weights = new EnumMap<>(Objective.class);
    ramps.forEach((objective, ramp) -> {
      double weight = reading.of(ramp);
      if (weight > 0) {
        weights.put(objective, weight);
      }
    });
    return new LossMix(weights, temperature, tokenWeights);
  }

  /// The mix of a step, without what has no weight then.
  ///
  /// @param step from 1
  /// @param steps of the run
  public LossMix at(int step, int steps) {
    double progress = Ramp.progress(step, steps);
    return mix(ramps, temperature, tokenWeights, ramp -> ramp.at(progress));
  }

  /// Every objective that ever has a weight, with its highest one.
  public LossMix widest() {
    return mix(ramps, temperature, tokenWeights, Ramp::highest);
  }

  /// Whether the weights are the same at every step.
  public boolean isConstant() {
    return ramps.values().stream().allMatch(Ramp::isConstant);
  }

  /// Whether hidden states are compared in a step or a later one.
  boolean comparesStatesFrom(int step, int steps) {
    Ramp hidden = ramps.get(Objective.HIDDEN);
    return hidden != null && (hidden.to() > 0 || hidden.at(Ramp.progress(step, steps)) > 0);
  }

  /// The weights that change, at a step, by the names of their objectives.
  Map<String, Double> changing(int step, int steps) {
    Map<String, Double> weights = new LinkedHashMap<>();
    for (Objective objective : Objective.values()) {
      Ramp ramp = ramps.get(objective);
      if (ramp != null && !ramp.isConstant()) {
        weights.put(objective.label(), ramp.at(Ramp.progress(step, steps)));
      }
    }
    return weights;
  }

  /// See [LossMix#needsTeacher].
  public boolean needsTeacher() {
    return widest().needsTeacher();
  }

  /// See [LossMix#isTempered].
  public boolean isTempered() {
    return widest().isTempered();
  }

  /// See [LossMix#comparesStates].
  public boolean comparesStates() {
    return widest().comparesStates();
  }

  /// As [#parse] reads it, without the weights of tokens.
  @Override
  public String toString() {
    return Arrays.stream(Objective.values())
        .filter(ramps::containsKey)
        .map(o -> {
          Ramp ramp = ramps.get(o);
          boolean one = ramp.isConstant() && ramp.from() == 1;
          return one ? o.label() : o.label() + ":" + ramp;
        })
        .collect(Collectors.joining(","));
  }
}
