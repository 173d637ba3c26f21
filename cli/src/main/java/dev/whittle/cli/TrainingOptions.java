package dev.whittle.cli;

import dev.whittle.data.CorpusLimits;
import dev.whittle.distillation.DistillationSettings;
import dev.whittle.distillation.LearningRates;
import dev.whittle.distillation.LossSchedule;
import dev.whittle.distillation.Start;
import dev.whittle.distillation.TokenWeights;
import dev.whittle.ggml.Device;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.DecayTarget;
import dev.whittle.training.ScaleMode;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// What decides the numbers of a training run.
final class TrainingOptions implements OptionRules {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--loss",
      paramLabel = "LOSS",
      description =
          "forward-kl, reverse-kl, jsd, cakld or ce, or a mix such as forward-kl:0.9,ce:0.1; with"
              + " hidden:X, the distance of the hidden states behind each layer from the teacher's is"
              + " part of it. A weight may change over the steps: hidden:1..0 goes from 1 to 0,"
              + " hidden:1..0@0.5 in the first half of them, ce:0..0.1@0.5-1 in the second;"
              + " ${DEFAULT-VALUE} by default.")
  private String loss = "forward-kl";

  @Option(
      names = "--token-weights",
      paramLabel = "KIND",
      description =
          "How much each token counts in the loss, by the teacher's distribution P over it: uniform,"
              + " certainty (the sum of P²: most where the teacher is sure) or entropy (most where it"
              + " is not), with a mean of 1 in each step; ${DEFAULT-VALUE} by default.")
  private TokenWeights tokenWeights = TokenWeights.UNIFORM;

  @Option(
      names = "--temperature",
      paramLabel = "X",
      description = "Temperature of both distributions in the loss; ${DEFAULT-VALUE} by default.")
  private double temperature = 1;

  @Option(
      names = "--completion-only",
      description = "Train on the tokens that the model is to produce, not on those of prompts.")
  private boolean completionOnly;

  @Mixin private UpdateOptions updates;

  @Option(
      names = "--scales",
      paramLabel = "MODE",
      description =
          "Where the scales of blocks come from at each step: refit (fitted to the weights), trained"
              + " (parameters with a gradient of their own, LSQ) or frozen (as they are at the start);"
              + " trained ones are encoded in the host's memory, also where a GPU trains. By default,"
              + " frozen where --init has blocks (gptq, blockwise, a file) and the type 3 bits or"
              + " more, else refit.")
  private @Nullable ScaleMode scales;

  @Option(
      names = "--steps",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Updates of the weights; ${DEFAULT-VALUE} by default.")
  private int steps = 1000;

  @Option(
      names = "--tokens-per-step",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Tokens in a step; ${DEFAULT-VALUE} by default.")
  private int tokensPerStep = 4096;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "CTX",
      converter = PositiveInt.class,
      description = "Longest document in tokens; ${DEFAULT-VALUE} by default.")
  private int contextLength = 512;

  @Mixin private OverlongOption overlong;

  @Option(
      names = "--lr",
      paramLabel = "X",
      description =
          "Peak learning rate; by default, what the bits of the type suggest: 7e-4 for ternary types,"
              + " 2e-4 for Q2_K, 4e-5 for 3 bits, 2e-5 for 4.")
  private @Nullable Double learningRate;

  @Option(
      names = "--vector-lr",
      paramLabel = "X",
      description =
          "Learning rate of norms and biases, as a multiple of --lr; ${DEFAULT-VALUE} by default.")
  private double vectorRate = 1;

  @Option(
      names = "--warmup",
      paramLabel = "N",
      description = "Steps until the peak; by default, a fiftieth of the steps and at least 10.")
  private @Nullable Integer warmup;

  @Option(
      names = "--lr-floor",
      paramLabel = "X",
      description = "The last step's share of the peak; ${DEFAULT-VALUE} by default.")
  private double floor = 0.05;

  @Option(
      names = "--weight-decay",
      paramLabel = "X",
      description = "Weight decay of matrices; ${DEFAULT-VALUE} by default.")
  private double weightDecay;

  @Option(
      names = "--decay-to",
      paramLabel = "TARGET",
      description =
          "What weight decay pulls to: zero, or start (the weights that training starts from, L2-SP);"
              + " ${DEFAULT-VALUE} by default.")
  private DecayTarget decayTarget = DecayTarget.ZERO;

  @Option(
      names = "--ema",
      paramLabel = "X",
      description =
          "Ship an exponential moving average of the weights, over about the last 1/(1 - X) steps:"
              + " 500 of them with 0.998; by default, the last step's weights.")
  private double averageDecay;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "SEED",
      description = "Seed of the order of the data; ${DEFAULT-VALUE} by default.")
  private long seed = 1;

  @Mixin private OnPolicyOptions onPolicy;

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(
            isTempered(),
            "a --loss that compares distributions, such as forward-kl",
            "--temperature"),
        OptionRule.with(weightDecay != 0, "a --weight-decay above 0", "--decay-to"));
  }

  /// Whether the temperature decides anything. A loss that cannot be read is for [#settings] to
  /// refuse.
  private boolean isTempered() {
    try {
      return LossSchedule.parse(loss, temperature, tokenWeights).isTempered()
          || onPolicy.isTempered(temperature, tokenWeights);
    } catch (IllegalArgumentException _) {
      return true;
    }
  }

  /// Whether some steps train on the student's own replies.
  boolean isOnPolicy() {
    return onPolicy.isGiven();
  }

  boolean completionOnly() {
    return completionOnly;
  }

  /// How long a document may be.
  CorpusLimits limits() {
    return overlong.limits(contextLength);
  }

  /// The settings for training to some types on a device, or on several like it.
  ///
  /// @param start where the student begins
  /// @throws ParameterException if a value is out of range
  DistillationSettings settings(TypeSelection types, Start start, Device device) {
    try {
      return new DistillationSettings(
          LossSchedule.parse(loss, temperature, tokenWeights),
          completionOnly,
          updates.forward(),
          updates.moments(),
          scales == null ? start.scales(types) : scales,
          steps,
          tokensPerStep,
          updates.microBatchTokens(device),
          contextLength,
          overlong.kind(),
          learningRate == null ? LearningRates.forType(types.fileType().mainType()) : learningRate,
          vectorRate,
          warmup == null ? Math.max(10, steps / 50) : warmup,
          floor,
          weightDecay,
          decayTarget,
          averageDecay,
          updates.clip(),
          seed,
          onPolicy.settings(temperature, tokenWeights));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), e.getMessage(), e);
    }
  }
}
