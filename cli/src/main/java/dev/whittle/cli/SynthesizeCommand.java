package dev.whittle.cli;

import dev.whittle.cli.Table.Column;
import dev.whittle.data.Dataset;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.synthesis.Rejection;
import dev.whittle.synthesis.SynthesisCounts;
import dev.whittle.synthesis.SynthesisJob;
import dev.whittle.synthesis.SynthesisListener;
import dev.whittle.synthesis.SynthesisRequest;
import dev.whittle.synthesis.SynthesisResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// `whittle synthesize`: training text from the teacher itself.
@Command(
    name = "synthesize",
    description = {
      "Lets a model write training text, by llama.cpp: replies to prompts, or, without any, whole"
          + " conversations from nothing but the beginning of its chat template. Leaves out what is"
          + " unfinished, wrong or there already.",
      ""
    })
final class SynthesizeCommand implements Callable<Integer>, Checkable, OptionRules {
  private static final int DEFAULT_CONVERSATIONS = 1000;

  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Mixin private ModelOption model;
  @Mixin private OutputFile output;

  @Option(
      names = {"-n", "--number"},
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Examples to keep; by default, "
              + DEFAULT_CONVERSATIONS
              + " conversations, or all that the prompts give.")
  private @Nullable Integer limit;

  @Option(
      names = {"-f", "--file"},
      paramLabel = "PROMPTS",
      description = "A data set whose questions are to be answered.")
  private @Nullable Path prompts;

  @Option(
      names = "--begin",
      paramLabel = "WORDS",
      description =
          "What the user's turns begin with, such as 'Who was', so that the model stays with what"
              + " such questions are about; several times for several beginnings in turns.")
  private List<String> beginnings = List.of();

  @Option(
      names = "--samples",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Replies to each prompt; ${DEFAULT-VALUE} by default.")
  private int samples = 1;

  @Option(
      names = "--exclude",
      paramLabel = "DATA",
      description = "A data set whose questions must not occur, such as the one to test with.")
  private @Nullable Path exclude;

  @Option(
      names = "--temp",
      paramLabel = "X",
      description = "Temperature at which tokens are drawn; ${DEFAULT-VALUE} by default.")
  private double temperature = 1;

  @Option(
      names = "--reply-temp",
      paramLabel = "X",
      description = "Likewise of replies, 0 for the likeliest token always; --temp by default.")
  private @Nullable Double replyTemperature;

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description = "Draw from the N likeliest tokens only; 0, the default, for all.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "X",
      description =
          "Draw from the fewest tokens that have the probability X together; ${DEFAULT-VALUE} by"
              + " default.")
  private double topP = 1;

  @Option(
      names = "--min-p",
      paramLabel = "X",
      description =
          "Leave out tokens less than X times as probable as the likeliest; ${DEFAULT-VALUE} by"
              + " default.")
  private double minP;

  @Option(
      names = "--predict",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Leave out turns of more than N tokens; ${DEFAULT-VALUE} by default.")
  private int maxTokens = Grading.DEFAULT_TOKENS;

  @Option(
      names = "--keep-wrong",
      description = "Keep replies that do not give the prompt's answer in \\boxed{} too.")
  private boolean keepWrong;

  @Option(
      names = "--similarity",
      paramLabel = "X",
      description =
          "Leave out what has the share X of its runs of five characters in common with what was"
              + " kept; above 1 for none; ${DEFAULT-VALUE} by default.")
  private double similarity = 0.95;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "SEED",
      description = "Seed of the random numbers; ${DEFAULT-VALUE} by default.")
  private long seed = 1;

  @Option(names = "--resume", description = "Go on with what an unfinished run has left.")
  private boolean resume;

  @Mixin private ParallelOption parallel;

  @Mixin private InferenceOptions inference;

  @Mixin private ResultOption result;

  @Override
  public Integer call() throws IOException {
    SynthesisRequest request = request(output.require(model.path(), prompts, exclude));
    model.requireSound();
    requireFile(prompts);
    requireFile(exclude);
    SynthesisResult made;
    try (Progress progress = new Progress(whittle.terminal(), "synthesize", unit());
        InterruptionNotice _ =
            new InterruptionNotice(
                whittle.terminal(),
                "interrupted; add --resume to go on from the last round of examples")) {
      made = new SynthesisJob(request, new Listener(progress)).run();
    }
    if (made.counts().kept() == 0) {
      throw new FruitlessException(
          "none of the %,d examples that the model wrote is of use (%s), so nothing was written"
              .formatted(made.counts().drawn(), reasons(made.counts())));
    }
    report(made);
    return ExitCode.OK;
  }

  @Override
  public List<OptionRule> rules() {
    boolean replies = prompts != null;
    boolean drawn = !replies || replyTemperature() != 0;
    return List.of(
        OptionRule.without(!replies, "prompts (-f)", "--begin"),
        OptionRule.with(replies, "prompts (-f)", "--samples", "--keep-wrong"),
        OptionRule.without(
            !replies || replyTemperature == null,
            "--reply-temp where there are prompts (-f)",
            "--temp"),
        OptionRule.with(
            drawn, "a --reply-temp above 0", "--top-k", "--top-p", "--min-p", "--seed"));
  }

  private double replyTemperature() {
    return replyTemperature == null ? temperature : replyTemperature;
  }

  @Override
  public void check() {
    request(output.path());
  }

  private static void requireFile(@Nullable Path data) {
    if (data != null) {
      new Dataset(data).requireFile();
    }
  }

  private String unit() {
    return prompts == null ? "conversations" : "replies";
  }

  private SynthesisRequest request(Path target) {
    LlamaModelOptions options = inference.modelOptions();
    try {
      SamplerOptions turns = sampling(temperature);
      double reply = replyTemperature();
      return new SynthesisRequest(
          model.path(),
          options,
          target,
          prompts,
          beginnings,
          exclude,
          limit != null ? limit : prompts == null ? DEFAULT_CONVERSATIONS : 0,
          samples,
          turns,
          GenerationOptions.greedy(maxTokens)
              .withParallel(parallel.sequences())
              .withThreads(inference.threads())
              .withAttention(inference.attention())
              .withSampling(reply == 0 ? null : sampling(reply)),
          keepWrong,
          similarity,
          seed,
          resume,
          output.mayReplace());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private SamplerOptions sampling(double heat) {
    return new SamplerOptions(heat, topK, topP, minP, 0);
  }

  private static String reasons(SynthesisCounts counts) {
    return counts.rejected().entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .map(entry -> "%s: %,d".formatted(entry.getKey(), entry.getValue()))
        .collect(Collectors.joining(", "));
  }

  private void report(SynthesisResult made) throws IOException {
    result.tell(whittle.terminal(), output.path() + "\n" + table(made), object(made));
  }

  private Map<String, Object> object(SynthesisResult made) throws IOException {
    SynthesisCounts counts = made.counts();
    Map<String, Object> object = ResultOption.written(output.path());
    object.put("examples", counts.kept());
    object.put("drawn", counts.drawn());
    Map<String, Long> rejected = new LinkedHashMap<>();
    for (Rejection reason : Rejection.values()) {
      rejected.put(
          reason.name().toLowerCase(Locale.ROOT), counts.rejected().getOrDefault(reason, 0L));
    }
    object.put("rejected", rejected);
    object.put("tokens", counts.tokens());
    object.put("seconds", made.seconds());
    object.put("tokens_per_second", made.tokensPerSecond());
    return object;
  }

  private String table(SynthesisResult made) {
    SynthesisCounts counts = made.counts();
    Table table = new Table(Column.left(""), Column.left(""));
    table.row("kept", "%,d %s of %,d".formatted(counts.kept(), unit(), counts.drawn()));
    for (Rejection reason : Rejection.values()) {
      long count = counts.rejected().getOrDefault(reason, 0L);
      if (count > 0) {
        table.row(reason.toString(), "%,d left out".formatted(count));
      }
    }
    table.row(
        "tokens", "%,d written, %,.0f a second".formatted(counts.tokens(), made.tokensPerSecond()));
    return table.toString().stripTrailing();
  }

  /// Shows how far the work has come.
  private final class Listener implements SynthesisListener {
    private final Progress progress;

    Listener(Progress progress) {
      this.progress = progress;
    }

    @Override
    public void stage(String what) {
      whittle.terminal().say("synthesize: " + what);
    }

    @Override
    public void generated(long done, long total, double tokensPerSecond) {
      progress.update(done, total, "%,.0f tokens/s".formatted(tokensPerSecond));
    }

    @Override
    public void warning(String sentence) {
      progress.close();
      whittle.terminal().warn(sentence);
    }
  }
}
