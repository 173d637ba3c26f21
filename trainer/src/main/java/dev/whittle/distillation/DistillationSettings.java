package dev.whittle.distillation;

import dev.whittle.data.Overlong;
import dev.whittle.training.DecayTarget;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.ScaleMode;
import dev.whittle.training.WeightSettings;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What decides the numbers of a distillation: with the same settings, teacher, data and starting
/// point, every run on the same devices gives the same file.
///
/// @param loss what is made small
/// @param completionOnly whether only tokens carry loss that the model is to produce
/// @param forward what the student's products use
/// @param moments how the optimizer's moments are stored
/// @param scales where the scales of blocks come from
/// @param steps updates of the weights
/// @param tokensPerStep places for tokens in a step, padding included
/// @param microBatchTokens the most that are computed at a time, unless a single document is longer
/// @param contextLength longest document
/// @param overlong what becomes of longer ones
/// @param learningRate peak, for matrices and the embedding
/// @param vectorRate the learning rate of norms and biases, as a multiple of `learningRate`
/// @param warmup steps until the peak
/// @param floor the last step's share of the peak
/// @param weightDecay of matrices and the embedding
/// @param decayTarget what they decay to
/// @param averageDecay what a step leaves of the moving average of the weights, which is evaluated
///   and shipped in their place; 0 for none
/// @param clip the largest norm of all gradients together; 0 for no limit
/// @param seed of the order of the data
/// @param onPolicy steps with the student's own replies; null for none
public record DistillationSettings(
    LossSchedule loss,
    boolean completionOnly,
    Forward forward,
    MomentType moments,
    ScaleMode scales,
    int steps,
    int tokensPerStep,
    int microBatchTokens,
    int contextLength,
    Overlong overlong,
    double learningRate,
    double vectorRate,
    int warmup,
    double floor,
    double weightDecay,
    DecayTarget decayTarget,
    double averageDecay,
    double clip,
    long seed,
    @Nullable OnPolicy onPolicy) {

  public DistillationSettings {
    require(steps >= 1, "the number of steps must be at least 1", steps);
    require(tokensPerStep >= 1, "the tokens of a step must be at least 1", tokensPerStep);
    require(microBatchTokens >= 1, "the tokens at a time must be at least 1", microBatchTokens);
    require(contextLength >= 2, "the longest document must be at least 2 tokens", contextLength);
    require(learningRate > 0, "the learning rate must be positive", learningRate);
    require(vectorRate >= 0, "the learning rate of vectors must not be negative", vectorRate);
    require(warmup >= 0, "the warm-up must not be negative", warmup);
    require(floor >= 0 && floor <= 1, "the learning rate's floor must be from 0 to 1", floor);
    require(weightDecay >= 0, "the weight decay must not be negative", weightDecay);
    require(
        averageDecay >= 0 && averageDecay < 1,
        "the decay of the average must be at least 0 and below 1",
        averageDecay);
    require(clip >= 0, "the norm to clip at must not be negative", clip);
    if (onPolicy != null
        && (onPolicy.loss().temperature() != loss.temperature()
            || onPolicy.loss().tokenWeights() != loss.tokenWeights())) {
      throw new IllegalArgumentException(
          "the loss on the student's own replies must have the temperature and the weights of"
              + " tokens that the other loss has");
    }
  }

  private static void require(boolean holds, String rule, Number value) {
    if (!holds) {
      throw new IllegalArgumentException(rule + ", and is " + value);
    }
  }

  /// Settings for training with scales that are fitted at each step and weights that decay to zero
  /// and are not averaged.
  public DistillationSettings(
      LossSchedule loss,
      boolean completionOnly,
      Forward forward,
      MomentType moments,
      int steps,
      int tokensPerStep,
      int microBatchTokens,
      int contextLength,
      double learningRate,
      double vectorRate,
      int warmup,
      double floor,
      double weightDecay,
      double clip,
      long seed) {
    this(
        loss,
        completionOnly,
        forward,
        moments,
        ScaleMode.REFIT,
        steps,
        tokensPerStep,
        microBatchTokens,
        contextLength,
        Overlong.REFUSE,
        learningRate,
        vectorRate,
        warmup,
        floor,
        weightDecay,
        DecayTarget.ZERO,
        0,
        clip,
        seed,
        null);
  }

  /// Every objective that ever has a weight, in whatever step.
  LossMix widestLoss() {
    return onPolicy == null ? loss.widest() : loss.widest().or(onPolicy.loss().widest());
  }

  /// Whether hidden states are compared in a step or a later one.
  boolean comparesStatesFrom(int step) {
    return loss.comparesStatesFrom(step, steps)
        || (onPolicy != null && onPolicy.loss().comparesStatesFrom(step, steps));
  }

  /// How the student's weights are kept, encoded and decayed.
  WeightSettings weights() {
    return new WeightSettings(forward, moments, scales, decayTarget, averageDecay);
  }

  /// The same with other moments.
  DistillationSettings withMoments(MomentType other) {
    return with(other, microBatchTokens);
  }

  /// The same with micro-batches of another size.
  DistillationSettings withMicroBatchTokens(int other) {
    return with(moments, other);
  }

  private DistillationSettings with(MomentType otherMoments, int otherMicroBatchTokens) {
    return new DistillationSettings(
        loss,
        completionOnly,
        forward,
        otherMoments,
        scales,
        steps,
        tokensPerStep,
        otherMicroBatchTokens,
        contextLength,
        overlong,
        learningRate,
        vectorRate,
        warmup,
        floor,
        weightDecay,
        decayTarget,
        averageDecay,
        clip,
        seed,
        onPolicy);
  }

  /// The split of a step, where no document is longer.
  ///
  /// @param devices that share it
  BatchPlan batches(int longestDocument, int devices) {
    return BatchPlan.of(tokensPerStep, longestDocument, microBatchTokens, devices);
  }

  /// The settings by their names in a recipe, for the run directory.
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("loss", loss.toString());
    map.put("temperature", loss.temperature());
    map.put("token_weights", loss.tokenWeights().label());
    map.put("completion_only", completionOnly);
    map.put("forward", forward.name().toLowerCase(Locale.ROOT));
    map.put("moments", moments.name().toLowerCase(Locale.ROOT));
    map.put("scales", scales.name().toLowerCase(Locale.ROOT));
    map.put("steps", steps);
    map.put("tokens_per_step", tokensPerStep);
    map.put("ubatch_size", microBatchTokens);
    map.put("context", contextLength);
    map.put("overlong", overlong.name().toLowerCase(Locale.ROOT));
    map.put("lr", learningRate);
    map.put("vector_lr", vectorRate);
    map.put("warmup", warmup);
    map.put("lr_floor", floor);
    map.put("weight_decay", weightDecay);
    map.put("decay_to", decayTarget.name().toLowerCase(Locale.ROOT));
    map.put("ema", averageDecay);
    map.put("clip", clip);
    map.put("seed", seed);
    if (onPolicy != null) {
      map.putAll(onPolicy.toMap());
    }
    return map;
  }
}
