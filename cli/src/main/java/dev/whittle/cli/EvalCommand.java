package dev.whittle.cli;

import dev.whittle.cli.Table.Column;
import dev.whittle.data.CorpusLimits;
import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Example;
import dev.whittle.data.Overlong;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.evaluation.DivergenceEvaluation;
import dev.whittle.evaluation.DivergenceEvaluation.Scope;
import dev.whittle.evaluation.DivergenceReport;
import dev.whittle.evaluation.EvaluationReport;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.evaluation.ReplyLog;
import dev.whittle.evaluation.TaskReport;
import dev.whittle.ggml.EvalCallback;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.gguf.GgufFile;
import dev.whittle.inference.ModelLoader;
import dev.whittle.io.AtomicFile;
import dev.whittle.simulation.ActivationRounding;
import dev.whittle.simulation.SimulatedModel;
import dev.whittle.simulation.Simulation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/// `whittle eval`: how good a model is.
@Command(
    name = "eval",
    description = {
      "Asks a model the questions of a data set and grades its replies: an answer counts when the"
          + " reply holds \\boxed{ANSWER}. With a teacher, compares their distributions too; where the"
          + " data have no answers, that alone.",
      ""
    })
final class EvalCommand implements Callable<Integer>, Checkable, OptionRules {
  @ParentCommand private Whittle whittle;

  @Mixin private ModelOption model;
  @Mixin private DataOption data;

  @Option(
      names = "--teacher",
      paramLabel = "TEACHER",
      description =
          "Measure perplexity, KL divergence and the share of equal top tokens against this model,"
              + " on the replies in the data, or on all of it where there are none.")
  private @Nullable Path teacher;

  @Option(
      names = "--limit",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Ask N questions, from each domain its share; by default, all.")
  private int limit;

  @Option(
      names = {"-n", "--predict"},
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Cut replies off after so many tokens; ${DEFAULT-VALUE} by default.")
  private int maxTokens = Grading.DEFAULT_TOKENS;

  @Mixin private ParallelOption parallel;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "CTX",
      converter = PositiveInt.class,
      description =
          "Tokens of a question and its reply together, at which a reply is cut off; by default, what"
              + " the model was trained for.")
  private int contextLength;

  @Option(
      names = "--simulate-activations",
      paramLabel = "FORMAT",
      converter = SimulateCommand.SimulationConverter.class,
      description =
          "Round what goes into the matrices of the layers to a format, as 'whittle simulate' rounds"
              + " weights. On the CPU.")
  private @Nullable Simulation activations;

  @Mixin private InferenceOptions inference;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      description = "Write the JSON object to this file too.")
  private @Nullable Path output;

  @Option(
      names = "--replies",
      paramLabel = "FILE",
      description = "Write every reply to this file, as JSON lines.")
  private @Nullable Path replies;

  @Option(names = "--force", description = "Replace these files if they exist.")
  private boolean force;

  private final ReplyLog log = new ReplyLog();

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(output != null || replies != null, "-o or --replies", "--force"));
  }

  @Override
  public void check() {
    inference.modelOptions();
    inference.attention();
    requireKnownScale();
  }

  @Override
  public Integer call() throws IOException {
    requireKnownScale();
    checkOutput(output);
    checkOutput(replies);
    if (output != null) {
      OutputFile.requireDistinct(output, replies);
    }
    if (teacher != null) {
      ModelLoader.requireSound(teacher);
    }
    Dataset dataset = data.dataset();
    ModelOverview overview;
    String simulated;
    try (GgufFile file = GgufFile.open(model.path())) {
      overview = ModelOverview.of(file, false);
      simulated = simulated(file);
    }
    try (LlamaModel student = inference.load(model.path(), whittle.terminal())) {
      EvalCallback rounding = activations == null ? null : rounding(student, activations);
      TaskReport task = isGraded(dataset) ? ask(student, dataset, rounding) : null;
      DivergenceReport divergence =
          teacher == null ? null : compare(student, teacher, dataset, rounding);
      EvaluationReport report =
          EvaluationReport.of(
              model.path(),
              overview.fileBytes(),
              overview.bitsPerWeight(),
              task,
              simulated,
              divergence);
      if (replies != null) {
        log.write(replies, force);
      }
      if (output != null) {
        byte[] line = (whittle.terminal().json(report) + "\n").getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(output, force, channel -> channel.write(ByteBuffer.wrap(line)));
      }
      if (json) {
        whittle.terminal().printJson(report);
      } else {
        whittle.terminal().print(describe(overview, task, simulated, divergence));
      }
      return ExitCode.OK;
    }
  }

  private void checkOutput(@Nullable Path file) {
    if (file != null) {
      OutputFile.check(file, force, model.path(), data.path(), teacher);
    }
  }

  /// Which formats are simulated, in weights or activations.
  private @Nullable String simulated(GgufFile file) {
    List<String> formats = new ArrayList<>();
    file.metadata()
        .string(SimulatedModel.KEY)
        .ifPresent(format -> formats.add("weights " + format));
    if (activations != null) {
      formats.add("activations " + activations);
    }
    return formats.isEmpty() ? null : String.join(", ", formats);
  }

  private void requireKnownScale() {
    if (activations != null && activations.isSearched()) {
      throw new UnusableException(
          "the pre-scale of activations is not searched for; give it as a number, such as "
              + activations.format()
              + "@0.75");
    }
  }

  private static EvalCallback rounding(LlamaModel student, Simulation simulation) {
    if (student.isOffloaded()) {
      throw new UnusableException("activations are simulated on the CPU; add -ngl 0");
    }
    return ActivationRounding.of(student, simulation);
  }

  /// Whether replies are to be graded: not where there is nothing to grade them by, and the
  /// comparison with a teacher is what is wanted.
  private boolean isGraded(Dataset dataset) {
    if (teacher == null) {
      return true;
    }
    try (Stream<Example> examples = dataset.examples()) {
      if (examples.anyMatch(example -> example.answer() != null)) {
        return true;
      }
    }
    whittle
        .terminal()
        .say(
            "%s has no answers to grade replies by, so nothing is asked".formatted(dataset.path()));
    return false;
  }

  private TaskReport ask(LlamaModel student, Dataset dataset, @Nullable EvalCallback rounding) {
    GenerationOptions options =
        GenerationOptions.greedy(maxTokens)
            .withParallel(parallel.sequences())
            .withContextLength(contextLength)
            .withThreads(inference.threads())
            .withAttention(inference.attention())
            .withEvalCallback(rounding);
    return new Grading(whittle.terminal(), options, limit).grade(student, dataset, log);
  }

  private DivergenceReport compare(
      LlamaModel student, Path teacherFile, Dataset dataset, @Nullable EvalCallback rounding) {
    try (LlamaModel reference = ModelLoader.load(teacherFile, inference.modelOptions());
        Progress progress = new Progress(whittle.terminal(), "compare", "documents")) {
      CorpusLimits limits =
          CorpusLimits.ofContext(reference.trainedContext())
              .withOverlong(Overlong.CUT)
              .withDocuments(limit, 0);
      TokenizedCorpus corpus =
          TokenizedCorpus.read(dataset, new DocumentTokenizer(reference), limits);
      limits.notice(corpus).ifPresent(whittle.terminal()::warn);
      Scope scope = corpus.completionTokens() > 0 ? Scope.COMPLETION : Scope.ALL;
      return new DivergenceEvaluation(scope, inference.threads(), inference.attention(), rounding)
          .run(student, reference, corpus, done -> progress.update(done, corpus.size(), ""));
    } catch (IllegalArgumentException e) {
      throw new UnusableException("--teacher does not fit: " + e.getMessage(), e);
    }
  }

  private static String describe(
      ModelOverview overview,
      @Nullable TaskReport task,
      @Nullable String simulated,
      @Nullable DivergenceReport divergence) {
    Table table = new Table(Column.left(""), Column.left(""));
    table.row("model", overview.file());
    table.row("size", overview.size());
    if (simulated != null) {
      table.row("simulated", simulated + "; a deployed model would differ");
    }
    if (task != null) {
      table.row("accuracy", "%.3f of %,d questions".formatted(task.accuracy(), task.questions()));
      task.accuracyByDomain()
          .forEach((domain, accuracy) ->
              table.row("  " + MetadataView.line(domain), "%.3f".formatted(accuracy)));
      table.row(
          "replies",
          "%.1f tokens on average, %.1f%% cut off, %,.0f tokens a second"
              .formatted(task.meanTokens(), 100 * task.truncatedRate(), task.tokensPerSecond()));
    }
    if (divergence != null) {
      table.row(
          "KL divergence",
          "%.4f nats a token on average, median %.4f, 99%% below %.4f"
              .formatted(divergence.mean(), divergence.median(), divergence.percentile99()));
      table.row("same top token", "%.2f%%".formatted(100 * divergence.sameTopToken()));
      table.row(
          "perplexity",
          "%.4f (teacher %.4f) over %,d tokens"
              .formatted(
                  divergence.perplexity(), divergence.teacherPerplexity(), divergence.tokens()));
    }
    return table.toString();
  }
}
