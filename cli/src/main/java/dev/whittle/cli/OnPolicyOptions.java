package dev.whittle.cli;

import dev.whittle.distillation.LossSchedule;
import dev.whittle.distillation.OnPolicy;
import dev.whittle.distillation.Ramp;
import dev.whittle.distillation.TokenWeights;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Training on the student's own replies.
final class OnPolicyOptions implements OptionRules {
  @Option(
      names = "--on-policy",
      paramLabel = "SHARE",
      description =
          "In so many of the steps, 0.25 or a range over the steps such as 0..0.5@0.5-1, train on what"
              + " the model as it is replies to the prompts of the data, drawn anew for each step; by"
              + " default, in none.")
  private @Nullable String share;

  @Option(
      names = "--on-policy-loss",
      paramLabel = "LOSS",
      description = "The loss of these steps, as in --loss; ${DEFAULT-VALUE} by default.")
  private String loss = "reverse-kl";

  @Option(
      names = "--on-policy-temp",
      paramLabel = "X",
      description = "Temperature at which these replies are drawn; ${DEFAULT-VALUE} by default.")
  private double temperature = 1;

  @Option(
      names = "--on-policy-predict",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Cut these replies off after so many tokens, or where they are as long as the longest"
              + " document with their prompts; ${DEFAULT-VALUE} by default.")
  private int maxTokens = Grading.DEFAULT_TOKENS;

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(
            isGiven(),
            "--on-policy",
            "--on-policy-loss",
            "--on-policy-temp",
            "--on-policy-predict"));
  }

  boolean isGiven() {
    return share != null;
  }

  /// Whether the temperature of distributions decides anything in these steps.
  ///
  /// @throws IllegalArgumentException if the loss cannot be read
  boolean isTempered(double lossTemperature, TokenWeights tokenWeights) {
    return isGiven() && LossSchedule.parse(loss, lossTemperature, tokenWeights).isTempered();
  }

  /// @param lossTemperature of both distributions in the loss
  /// @return null if there are no such steps
  /// @throws IllegalArgumentException if a value is out of range
  @Nullable OnPolicy settings(double lossTemperature, TokenWeights tokenWeights) {
    return share == null
        ? null
        : new OnPolicy(
            parsedShare(),
            LossSchedule.parse(loss, lossTemperature, tokenWeights),
            temperature,
            maxTokens);
  }

  private Ramp parsedShare() {
    try {
      return Ramp.parse(share);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("--on-policy: " + e.getMessage(), e);
    }
  }
}
