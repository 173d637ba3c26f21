package dev.whittle.reinforcement;

import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// What decides the numbers of group-relative policy optimization (GRPO, Shao et al. 2024, arXiv
/// 2402.03300).
///
/// @param steps rounds of asking and updating
/// @param promptsPerStep questions that are asked in a step
/// @param groupSize replies to each of them
/// @param updatesPerStep updates of the weights in a step, each by its share of the questions; from
///   the second one on the replies are no longer those of the policy as it is, which clipping is
///   for
/// @param maxNewTokens where a reply is cut off
/// @param temperature at which replies are drawn, and of the distributions that are compared
/// @param advantage how the rewards of a group become advantages
/// @param aggregation how the losses of tokens are weighed
/// @param clipLow how far the probability of a token may fall in a step, as a share of itself
/// @param clipHigh how far it may rise; a greater one than `clipLow` leaves room for unlikely
///   tokens (DAPO, Yu et al. 2025, arXiv 2503.14476)
/// @param klWeight β, the weight of the divergence KL(policy‖reference); 0 for no reference
/// @param reward what replies are worth
/// @param forward what the student's products use
/// @param moments how the optimizer's moments are stored
/// @param microBatchTokens the most that are computed at a time, unless a document is longer
/// @param learningRate peak, for all weights
/// @param warmup updates until the peak
/// @param floor the last update's share of the peak
/// @param clip the largest norm of all gradients together; 0 for no limit
/// @param damping AdamW's ε, as a multiple of the root mean square of the gradient over all
///   weights: weights with hardly any gradient, which matter little to these questions and maybe
///   much to others, are then not moved as far as the rest by what is noise
/// @param seed of the order of the questions and of the replies
public record GrpoSettings(
    int steps,
    int promptsPerStep,
    int groupSize,
    int updatesPerStep,
    int maxNewTokens,
    double temperature,
    Advantage advantage,
    Aggregation aggregation,
    double clipLow,
    double clipHigh,
    double klWeight,
    RewardSettings reward,
    Forward forward,
    MomentType moments,
    int microBatchTokens,
    double learningRate,
    int warmup,
    double floor,
    double clip,
    double damping,
    long seed) {

  public GrpoSettings {
    require(
        steps >= 1 && promptsPerStep >= 1 && updatesPerStep >= 1 && maxNewTokens >= 1,
        "steps, questions, updates and tokens must be at least 1");
    require(groupSize >= 2, "a group needs at least 2 replies: they are compared with each other");
    require(
        updatesPerStep <= promptsPerStep, "a step cannot have more updates than it has questions");
    require(temperature > 0, "the temperature must be positive");
    require(
        clipLow > 0 && clipLow < 1 && clipHigh > 0,
        "the ratios to clip at must be positive, and the lower one below 1");
    require(klWeight >= 0, "the weight of the divergence must not be negative");
    require(learningRate > 0, "the learning rate must be positive");
    require(warmup >= 0, "the warm-up must not be negative");
    require(floor >= 0 && floor <= 1, "the learning rate's floor must be from 0 to 1");
    require(clip >= 0, "the norm to clip at must not be negative");
    require(damping >= 0, "the damping must not be negative");
    require(microBatchTokens >= 1, "the tokens at a time must be at least 1");
  }

  private static void require(boolean holds, String sentence) {
    if (!holds) {
      throw new IllegalArgumentException(sentence);
    }
  }

  /// Updates of the whole run.
  public int updates() {
    return steps * updatesPerStep;
  }

  /// The settings by their names in a recipe, for the run directory.
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("steps", steps);
    map.put("prompts_per_step", promptsPerStep);
    map.put("group_size", groupSize);
    map.put("updates_per_step", updatesPerStep);
    map.put("predict", maxNewTokens);
    map.put("temperature", temperature);
    map.put("advantage", advantage.name().toLowerCase(Locale.ROOT));
    map.put("aggregation", aggregation.name().toLowerCase(Locale.ROOT));
    map.put("clip_low", clipLow);
    map.put("clip_high", clipHigh);
    map.put("kl", klWeight);
    map.put("format_reward", reward.format());
    map.put("length_penalty", reward.lengthPenalty());
    map.put("forward", forward.name().toLowerCase(Locale.ROOT));
    map.put("moments", moments.name().toLowerCase(Locale.ROOT));
    map.put("ubatch_size", microBatchTokens);
    map.put("lr", learningRate);
    map.put("warmup", warmup);
    map.put("lr_floor", floor);
    map.put("clip", clip);
    map.put("damping", damping);
    map.put("seed", seed);
    return map;
  }
}
