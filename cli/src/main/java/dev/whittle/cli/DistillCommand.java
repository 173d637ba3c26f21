package dev.whittle.cli;

import dev.whittle.cli.TypeOptions.FileTypeConverter;
import dev.whittle.distillation.DistillationJob;
import dev.whittle.distillation.DistillationListener;
import dev.whittle.distillation.DistillationPlan;
import dev.whittle.distillation.DistillationRequest;
import dev.whittle.distillation.DistillationResult;
import dev.whittle.distillation.DistillationSettings;
import dev.whittle.distillation.Evaluation;
import dev.whittle.distillation.Inference;
import dev.whittle.distillation.LossSchedule;
import dev.whittle.distillation.Start;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.quantization.TypeSelection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
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

/// `whittle distill`: quantization-aware distillation.
@Command(
    name = "distill",
    description = {
      "Lowers a model to a quantized type and trains the quantized weights to behave like the model"
          + " itself. The file holds the very blocks that were trained.",
      ""
    })
final class DistillCommand implements Callable<Integer>, Checkable, OptionRules {
  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Mixin private ModelOption teacher;
  @Mixin private TrainingDataOption data;
  @Mixin private OutputFile output;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      converter = FileTypeConverter.class,
      description = "The type, as llama-quantize calls it: Q2_K, TQ2_0, Q4_0 and so on.")
  private @Nullable FileType type;

  @Mixin private TypeOptions types;
  @Mixin private BudgetOptions budget;

  @Option(
      names = "--init",
      paramLabel = "METHOD|FILE",
      description =
          "Where the weights start: rtn (rounded to nearest), imatrix (by importance), gptq"
              + " (calibrated with 1,024 documents of the data), blockwise (with 4,096), or a GGUF"
              + " file of the same model; ${DEFAULT-VALUE} by default.")
  private String start = "imatrix";

  @Option(
      names = "--imatrix",
      paramLabel = "FILE",
      description = "An importance matrix; by default, one is collected from the data if needed.")
  private @Nullable Path importance;

  @Mixin private TrainingOptions training;

  @Option(
      names = "--teacher-cache",
      paramLabel = "FILE",
      description =
          "Run the teacher once over the data before training, and keep what it makes of each token"
              + " in this file: two bytes times the width of the model a token, or four if its head"
              + " is neither BF16 nor F16. Training then needs no more of the teacher than its head."
              + " Pays from the second pass over the data on, and for further runs with the same"
              + " data, which read the same file.")
  private @Nullable Path teacherCache;

  @Mixin private RunOptions run = new RunOptions(100);

  @Mixin private EvaluationOptions evaluation;

  @Mixin private ActivationsOption activations;

  @Option(
      names = "--dry-run",
      description =
          "Say what would become of each tensor, and what memory training would take, and stop.")
  private boolean dryRun;

  @Mixin private ResultOption result;

  @Mixin private DeviceOption device;
  @Mixin private RolloutOption rollout;
  @Mixin private ThreadsOption threads;
  @Mixin private ParallelOption parallel;

  @Override
  public Integer call() throws IOException {
    run.check(dryRun || output.mayReplace());
    if (!dryRun) {
      List<@Nullable Path> inputs = new ArrayList<>(data.paths());
      Collections.addAll(inputs, teacher.path(), importance, startFile(), evaluation.questions());
      output.require(inputs.toArray(Path[]::new));
    }
    budget.requireOneOf(type, "--type");
    teacher.requireSound();
    DistillationRequest request = request(type == null ? typesWithinBudget() : types.select(type));
    if (dryRun) {
      return plan(request);
    }
    DistillationResult done;
    try (TrainingProgress progress = new TrainingProgress(whittle.terminal(), "distill");
        InterruptionNotice _ =
            new InterruptionNotice(whittle.terminal(), run.interrupted(teacherCache))) {
      done = new DistillationJob(request, progress).run();
    } catch (ArithmeticException e) {
      throw new FruitlessException(e.getMessage(), e);
    }
    FileType written = request.types().fileType();
    result.tell(whittle.terminal(), summary(written, done), object(written, done));
    return ExitCode.OK;
  }

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(
            training.isOnPolicy() || evaluation.questions() != null,
            "replies of the student (--on-policy or --eval-data)",
            "--parallel",
            "--rollout-device"),
        OptionRule.without(!budget.isGiven(), "--target-bpw or --target-bytes", "--pure"));
  }

  @Override
  public void check() {
    budget.requireOneOf(type, "--type");
    TypeSelection selection = types.select(type == null ? FileType.Q2_K : type);
    training.settings(selection, new Start.Importance(), device.replicas().getFirst());
    evaluation.settings();
  }

  private DistillationRequest request(TypeSelection selection) {
    List<Device> where = device.replicas();
    DistillationSettings settings = training.settings(selection, start(), where.getFirst());
    requireUse(settings);
    LlamaModelOptions inference =
        rollout.place(LlamaModelOptions.defaults().withDevices(device.select()));
    return new DistillationRequest(
        teacher.path(),
        data.datasets(),
        output.path(),
        selection,
        start(),
        importance,
        settings,
        teacherCache,
        where,
        threads.threads(),
        activations.wanted(),
        run.directory(),
        evaluation.settings(),
        new Inference(inference, parallel.sequences(), threads.threads()),
        run.checkpointSteps(),
        run.resume(),
        output.mayReplace());
  }

  private TypeSelection typesWithinBudget() throws IOException {
    return budget.choose(
        teacher.path(),
        data.datasets(),
        training.limits(),
        training.completionOnly(),
        types.select(FileType.Q2_K),
        selection ->
            new DistillationJob(request(selection), new DistillationListener() {}).fileBytes(),
        threads.threads(),
        whittle.terminal());
  }

  /// Fails where the teacher cache makes no sense, or cannot be made.
  private void requireUse(DistillationSettings settings) {
    LossSchedule loss = settings.loss();
    if (teacherCache == null) {
      return;
    }
    if (settings.onPolicy() != null) {
      throw new ParameterException(
          spec.commandLine(),
          "--teacher-cache keeps what the teacher makes of the data, and --on-policy trains on other"
              + " text; leave one out");
    }
    if (!loss.needsTeacher()) {
      throw new ParameterException(
          spec.commandLine(),
          "--teacher-cache keeps what the teacher makes of the data, which the loss '"
              + loss
              + "' does not ask for; leave it out");
    }
    if (loss.comparesStates()) {
      throw new ParameterException(
          spec.commandLine(),
          "--teacher-cache has only the states behind the teacher's last layer, and the loss '"
              + loss
              + "' needs those behind every one; leave it out");
    }
    OutputFile.requireDistinct(teacherCache, output.path());
    if (!Files.isRegularFile(teacherCache)) {
      OutputFile.check(teacherCache, false);
    }
  }

  private int plan(DistillationRequest request) {
    DistillationPlan plan;
    try (TrainingProgress progress = new TrainingProgress(whittle.terminal(), "distill")) {
      plan = new DistillationJob(request, progress).plan();
    }
    PlanReport report = PlanReport.of(plan);
    if (result.isJson()) {
      whittle.terminal().printJson(report);
    } else {
      whittle.terminal().print(new TypeTable(plan.types()) + "\n" + report.toText());
    }
    plan.memory().requireFit(request.teacher().toString());
    return ExitCode.OK;
  }

  private @Nullable Path startFile() {
    return start() instanceof Start.Model model ? model.file() : null;
  }

  private Start start() {
    return switch (start.toLowerCase(Locale.ROOT)) {
      case "rtn" -> new Start.RoundToNearest();
      case "imatrix" -> new Start.Importance();
      case "gptq" -> new Start.Gptq();
      case "blockwise" -> new Start.Blockwise();
      default -> {
        Path file = Path.of(start);
        if (!Files.exists(file)) {
          throw new UnusableException(
              "--init names '"
                  + start
                  + "', which is neither rtn, imatrix, gptq or blockwise nor a file; name one of them");
        }
        yield new Start.Model(file);
      }
    };
  }

  private String summary(FileType written, DistillationResult done) throws IOException {
    String size = "%s: %s, %,d bytes".formatted(output.path(), written, Files.size(output.path()));
    if (done.firstStep() == null || done.lastStep() == null) {
      return size + "; the run was complete already";
    }
    String run =
        "; %s, %,d tokens, %s, loss %.4f %s and %.4f at last"
            .formatted(
                TrainingProgress.steps(done.steps()),
                done.tokens(),
                Progress.duration((long) (done.seconds() * 1e9)),
                done.firstStep().loss(),
                TrainingProgress.since(done.firstStep().step()),
                done.lastStep().loss());
    Evaluation best = done.best();
    return size + run + (best == null ? "" : "; " + shipped(best));
  }

  private Map<String, Object> object(FileType written, DistillationResult done) throws IOException {
    Map<String, Object> object = ResultOption.written(output.path());
    object.put("type", written.name());
    object.put("steps", done.steps());
    object.put("tokens", done.tokens());
    object.put("seconds", done.seconds());
    object.put("first_step", done.firstStep() == null ? null : done.firstStep().step());
    object.put("first_loss", done.firstStep() == null ? null : done.firstStep().loss());
    object.put("last_loss", done.lastStep() == null ? null : done.lastStep().loss());
    object.put("shipped_step", done.best() == null ? done.steps() : done.best().step());
    return object;
  }

  private static String shipped(Evaluation best) {
    List<String> figures = new ArrayList<>();
    if (best.loss() != null) {
      figures.add("a held-out loss of %.4f".formatted(best.loss()));
    }
    if (best.accuracy() != null) {
      figures.add("an accuracy of %.3f".formatted(best.accuracy()));
    }
    return "the blocks are those of step %,d, with %s"
        .formatted(best.step(), String.join(" and ", figures));
  }
}
