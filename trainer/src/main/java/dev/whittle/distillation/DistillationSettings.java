package dev.whittle.distillation;

import dev.whittle.training.Forward;
import java.util.LinkedHashMap;
import java.util.Map;

/// What decides the numbers of a distillation: with the same settings, teacher, data and starting
/// point, every run gives the same file.
///
/// @param loss what is made small
/// @param completionOnly whether only tokens carry loss that the model is to produce
/// @param forward what the student's products use
/// @param steps updates of the weights
/// @param tokensPerStep places for tokens in a step, padding included
/// @param contextLength longest document
/// @param learningRate peak, for matrices and the embedding
/// @param vectorRate the learning rate of norms and biases, as a multiple of `learningRate`
/// @param warmup steps until the peak
/// @param floor the last step's share of the peak
/// @param weightDecay of matrices and the embedding
/// @param clip the largest norm of all gradients together; 0 for no limit
/// @param seed of the order of the data
public record DistillationSettings(
    LossMix loss,
    boolean completionOnly,
    Forward forward,
    int steps,
    int tokensPerStep,
    int contextLength,
    double learningRate,
    double vectorRate,
    int warmup,
    double floor,
    double weightDecay,
    double clip,
    long seed) {

  public DistillationSettings {
    if (steps < 1 || tokensPerStep < 1 || contextLength < 2) {
      throw new IllegalArgumentException(
          "steps and tokens per step must be at least 1, and the context at least 2");
    }
    if (!(learningRate > 0)
        || !(vectorRate >= 0)
        || !(weightDecay >= 0)
        || !(clip >= 0)
        || !(floor >= 0 && floor <= 1)
        || warmup < 0) {
      throw new IllegalArgumentException(
          "the learning rate must be positive, and its schedule, weight decay and clip not negative");
    }
  }

  /// The settings by their names in a recipe, for the run directory.
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("loss", loss.toString());
    map.put("temperature", loss.temperature());
    map.put("completion_only", completionOnly);
    map.put("forward", forward.name().toLowerCase(java.util.Locale.ROOT));
    map.put("steps", steps);
    map.put("tokens_per_step", tokensPerStep);
    map.put("context", contextLength);
    map.put("lr", learningRate);
    map.put("vector_lr", vectorRate);
    map.put("warmup", warmup);
    map.put("lr_floor", floor);
    map.put("weight_decay", weightDecay);
    map.put("clip", clip);
    map.put("seed", seed);
    return map;
  }
}
