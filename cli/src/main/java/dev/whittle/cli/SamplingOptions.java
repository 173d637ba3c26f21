package dev.whittle.cli;

import dev.whittle.ggml.SamplerOptions;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How a model's tokens are drawn, and how many there may be.
final class SamplingOptions implements OptionRules {
  private static final int DEFAULT_CONTEXT = 4096;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = {"-n", "--predict"},
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Stop after so many tokens; by default, when the model ends its reply.")
  private int maxTokens = Integer.MAX_VALUE;

  @Option(
      names = "--temp",
      paramLabel = "X",
      description = "Draw tokens at this temperature; by default (0), take the likeliest.")
  private double temperature;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "SEED",
      description = "Seed of the random numbers; ${DEFAULT-VALUE} by default.")
  private long seed = 1;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "CTX",
      converter = PositiveInt.class,
      description =
          "Tokens of prompts and replies together; by default, at most "
              + DEFAULT_CONTEXT
              + ", or what the model was trained for if that is less.")
  private @Nullable Integer contextLength;

  @Override
  public List<OptionRule> rules() {
    return List.of(OptionRule.with(temperature != 0, "a --temp above 0", "--seed"));
  }

  int maxTokens() {
    return maxTokens;
  }

  /// @return null for the likeliest token always
  /// @throws ParameterException if the temperature is out of range
  @Nullable SamplerOptions sampling() {
    if (temperature == 0) {
      return null;
    }
    try {
      return SamplerOptions.ofTemperature(temperature, seed);
    } catch (IllegalArgumentException e) {
      String mend = temperature > 0 ? "" : "; --temp 0 takes the likeliest token";
      throw new ParameterException(command.commandLine(), e.getMessage() + mend, e);
    }
  }

  /// @param trained what the model was trained for
  int contextLength(int trained) {
    return contextLength != null ? contextLength : Math.min(DEFAULT_CONTEXT, trained);
  }
}
