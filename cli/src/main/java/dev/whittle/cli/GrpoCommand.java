package dev.whittle.cli;

import dev.whittle.cli.TypeOptions.FileTypeConverter;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.reinforcement.Advantage;
import dev.whittle.reinforcement.Aggregation;
import dev.whittle.reinforcement.GrpoJob;
import dev.whittle.reinforcement.GrpoListener;
import dev.whittle.reinforcement.GrpoRequest;
import dev.whittle.reinforcement.GrpoResult;
import dev.whittle.reinforcement.GrpoSettings;
import dev.whittle.reinforcement.GrpoStepReport;
import dev.whittle.reinforcement.RewardSettings;
import dev.whittle.reinforcement.UnviableException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// `whittle grpo`: reinforcement learning on the quantized model.
@Command(
    name = "grpo",
    description = {
      "Lets a quantized model answer questions, and trains its weights towards the answers that were"
          + " right (group-relative policy optimization). The file holds the very blocks that were"
          + " trained.",
      ""
    })
final class GrpoCommand implements Callable<Integer>, Checkable, OptionRules {
  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Mixin private ModelOption model;
  @Mixin private DataOption data;
  @Mixin private OutputFile output;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      converter = FileTypeConverter.class,
      description = "The type, as llama-quantize calls it; by default, the types of the model.")
  private @Nullable FileType type;

  @Mixin private TypeOptions types;

  @Option(
      names = "--masters",
      paramLabel = "DIR|FILE",
      description =
          "The run directory or checkpoint of the distillation that made the model: its"
              + " full-precision weights go on from there. By default, they begin as what the blocks"
              + " decode to.")
  private @Nullable Path masters;

  @Option(
      names = "--imatrix",
      paramLabel = "FILE",
      description =
          "The importance matrix to encode with; by default, that of the run directory in --masters,"
              + " if it has one.")
  private @Nullable Path importance;

  @Option(
      names = "--reference",
      paramLabel = "MODEL",
      description =
          "The model that --kl holds the policy to, a GGUF file; by default, the model itself.")
  private @Nullable Path reference;

  @Option(
      names = "--steps",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Rounds of asking and updating; ${DEFAULT-VALUE} by default.")
  private int steps = 100;

  @Option(
      names = "--prompts",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Questions in a step; ${DEFAULT-VALUE} by default.")
  private int prompts = 64;

  @Option(
      names = "--samples",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Replies to each question, 2 or more; ${DEFAULT-VALUE} by default.")
  private int samples = 8;

  @Option(
      names = "--updates",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Updates in a step, each by its share of the questions; ${DEFAULT-VALUE} by default.")
  private int updates = 1;

  @Option(
      names = {"-n", "--predict"},
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Cut replies off after so many tokens; ${DEFAULT-VALUE} by default.")
  private int maxTokens = Grading.DEFAULT_TOKENS;

  @Option(
      names = "--temp",
      paramLabel = "X",
      description = "Temperature at which replies are drawn; ${DEFAULT-VALUE} by default.")
  private double temperature = 1;

  @Option(
      names = "--advantage",
      paramLabel = "KIND",
      description =
          "How rewards are compared in a group: normalized (GRPO) or centered (Dr. GRPO);"
              + " ${DEFAULT-VALUE} by default.")
  private Advantage advantage = Advantage.NORMALIZED;

  @Option(
      names = "--aggregation",
      paramLabel = "KIND",
      description =
          "What counts the same in the loss: each reply (GRPO), each token (DAPO), or each token over"
              + " a constant (Dr. GRPO): reply, token or constant; ${DEFAULT-VALUE} by default.")
  private Aggregation aggregation = Aggregation.REPLY;

  @Option(
      names = "--clip-low",
      paramLabel = "X",
      description =
          "With --updates of 2 or more, how far a token's probability may fall in a step, as a share of"
              + " itself; ${DEFAULT-VALUE} by default.")
  private double clipLow = 0.2;

  @Option(
      names = "--clip-high",
      paramLabel = "X",
      description = "Likewise, how far it may rise (DAPO: 0.28); ${DEFAULT-VALUE} by default.")
  private double clipHigh = 0.2;

  @Option(
      names = "--kl",
      paramLabel = "X",
      description =
          "Weight of the KL divergence from the reference; ${DEFAULT-VALUE} by default, for none.")
  private double kl;

  @Option(
      names = "--format-reward",
      paramLabel = "X",
      description =
          "What a reply is worth for ending with one answer in a box, a right answer being worth 1;"
              + " ${DEFAULT-VALUE} by default.")
  private double format = 0.1;

  @Option(
      names = "--length-penalty",
      paramLabel = "X",
      description =
          "What a reply loses that has all the tokens it may have, shorter ones their share of it;"
              + " ${DEFAULT-VALUE} by default.")
  private double lengthPenalty;

  @Option(
      names = "--lr",
      paramLabel = "X",
      description = "Peak learning rate; ${DEFAULT-VALUE} by default.")
  private double learningRate = 5e-5;

  @Option(
      names = "--warmup",
      paramLabel = "N",
      description = "Updates until the peak; ${DEFAULT-VALUE} by default.")
  private int warmup = 5;

  @Option(
      names = "--lr-floor",
      paramLabel = "X",
      description = "The last update's share of the peak; ${DEFAULT-VALUE} by default.")
  private double floor = 0.1;

  @Option(
      names = "--damping",
      paramLabel = "X",
      description =
          "AdamW's epsilon, as a multiple of the gradient's root mean square: the greater, the less"
              + " are weights moved that matter little to the questions; ${DEFAULT-VALUE} by default.")
  private double damping = 1;

  @Mixin private UpdateOptions computation;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "SEED",
      description =
          "Seed of the order of the questions and of the replies; ${DEFAULT-VALUE} by default.")
  private long seed = 1;

  @Mixin private RunOptions run = new RunOptions(20);

  @Mixin private ActivationsOption activations;

  @Mixin private ParallelOption parallel;

  @Mixin private InferenceOptions inference;

  @Mixin private RolloutOption rollout;

  @Mixin private ResultOption result;

  @Override
  public Integer call() throws IOException {
    run.check(output.mayReplace());
    GrpoRequest request = request();
    GrpoResult done;
    try (Steps progress = new Steps();
        InterruptionNotice _ = new InterruptionNotice(whittle.terminal(), run.interrupted(null))) {
      done = new GrpoJob(request, progress).run();
    } catch (UnviableException | ArithmeticException e) {
      throw new FruitlessException(e.getMessage(), e);
    }
    result.tell(whittle.terminal(), summary(done), object(request, done));
    return ExitCode.OK;
  }

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(type != null, "--type", "--pure", "--tensor-type"),
        OptionRule.with(kl != 0, "a --kl above 0", "--reference"),
        // The first update of a step is made with the policy that the replies were drawn from.
        OptionRule.with(updates > 1, "--updates of 2 or more", "--clip-low", "--clip-high"));
  }

  @Override
  public void check() {
    try {
      settings(inference.trainingDevices().getFirst());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private GrpoRequest request() {
    List<Device> devices = inference.trainingDevices();
    Device device = devices.getFirst();
    if (devices.size() > 1) {
      whittle.terminal().say("grpo: only " + device.name() + " is used, of several devices");
    }
    LlamaModelOptions options = rollout.place(inference.modelOptions());
    try {
      return new GrpoRequest(
          model.path(),
          masters,
          data.dataset(),
          output.require(model.path(), data.path(), masters, reference, importance),
          type == null ? null : types.select(type),
          reference,
          importance,
          settings(device),
          GenerationOptions.greedy(maxTokens)
              .withParallel(parallel.sequences())
              .withThreads(inference.threads())
              .withAttention(inference.attention()),
          options,
          device,
          inference.threads(),
          activations.wanted(),
          run.directory(),
          run.checkpointSteps(),
          run.resume(),
          output.mayReplace());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private GrpoSettings settings(Device device) {
    return new GrpoSettings(
        steps,
        prompts,
        samples,
        updates,
        maxTokens,
        temperature,
        advantage,
        aggregation,
        clipLow,
        clipHigh,
        kl,
        new RewardSettings(format, lengthPenalty),
        computation.forward(),
        computation.moments(),
        computation.microBatchTokens(device),
        learningRate,
        warmup,
        floor,
        computation.clip(),
        damping,
        seed);
  }

  private String summary(GrpoResult result) {
    GrpoStepReport first = result.firstStep();
    GrpoStepReport last = result.lastStep();
    if (first == null || last == null) {
      return output.path() + ": the run was complete already";
    }
    return "%s: %s, %,d tokens, %s, %.1f%% of the replies right %s and %.1f%% at last"
        .formatted(
            output.path(),
            TrainingProgress.steps(result.steps()),
            result.tokens(),
            Progress.duration((long) (result.seconds() * 1e9)),
            100 * first.accuracy(),
            TrainingProgress.since(first.step()),
            100 * last.accuracy());
  }

  private static Map<String, Object> object(GrpoRequest request, GrpoResult done)
      throws IOException {
    Map<String, Object> object = ResultOption.written(request.output());
    object.put("steps", done.steps());
    object.put("tokens", done.tokens());
    object.put("seconds", done.seconds());
    object.put("first_step", done.firstStep() == null ? null : done.firstStep().step());
    object.put("first_accuracy", done.firstStep() == null ? null : done.firstStep().accuracy());
    object.put("last_accuracy", done.lastStep() == null ? null : done.lastStep().accuracy());
    return object;
  }

  /// Shows how far the run has come.
  private final class Steps implements GrpoListener, AutoCloseable {
    /// The share of the newest step in the figures shown: single steps are too noisy to read.
    private static final double SMOOTHING = 0.2;

    private final Progress progress = new Progress(whittle.terminal(), "grpo", "steps");
    private double accuracy = Double.NaN;
    private double divergence = Double.NaN;

    @Override
    public void stage(String what) {
      progress.close();
      whittle.terminal().say("grpo: " + what);
    }

    @Override
    public void warning(String sentence) {
      progress.close();
      whittle.terminal().warn(sentence);
    }

    @Override
    public void step(GrpoStepReport report) {
      accuracy = smooth(accuracy, report.accuracy());
      divergence = smooth(divergence, report.kl());
      progress.update(
          report.step(),
          report.steps(),
          "%.1f%% right, KL %.4f, %.0f tokens"
              .formatted(100 * accuracy, divergence, report.length()));
    }

    private static double smooth(double before, double now) {
      return Double.isNaN(before) ? now : before + SMOOTHING * (now - before);
    }

    @Override
    public void close() {
      progress.close();
    }
  }
}
