package dev.whittle.cli;

import dev.whittle.benchmark.InferenceBenchmark;
import dev.whittle.benchmark.QuantizationBenchmark;
import dev.whittle.benchmark.TrainingBenchmark;
import dev.whittle.cli.TypeOptions.FileTypeConverter;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
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
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// `whittle bench`: how fast this machine is.
@Command(
    name = "bench",
    subcommands = PtqCommand.class,
    description = {
      "Measures the speed of training, quantization and inference on this machine, beside the rate of"
          + " a large matrix product in bfloat16, which nothing can exceed.",
      ""
    })
final class BenchCommand implements Callable<Integer>, OptionRules {
  /// What can be measured.
  enum Kind {
    TRAIN,
    QUANTIZE,
    INFER
  }

  private static final double SECONDS_A_REPEAT = 0.05;

  private static final List<GgmlType> ENCODED =
      List.of(
          GgmlType.Q8_0,
          GgmlType.Q4_0,
          GgmlType.Q6_K,
          GgmlType.Q5_K,
          GgmlType.Q4_K,
          GgmlType.Q3_K,
          GgmlType.Q2_K,
          GgmlType.IQ4_NL,
          GgmlType.IQ3_XXS,
          GgmlType.IQ2_XXS,
          GgmlType.MXFP4,
          GgmlType.NVFP4,
          GgmlType.Q2_0,
          GgmlType.TQ2_0);

  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "KIND",
      description = "train, quantize or infer; by default, all of them.")
  private @Nullable Kind kind;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      description =
          "The model to train and to run; by default, the bundled one, and for training also layers"
              + " of Qwen3-0.6B's shape with random weights.")
  private @Nullable Path model;

  @Mixin private ShapeOptions shape;

  @Option(
      names = {"-r", "--repetitions"},
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Measure everything so many times; ${DEFAULT-VALUE} by default.")
  private int repetitions = 5;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      converter = FileTypeConverter.class,
      description = "The type to train; ${DEFAULT-VALUE} by default.")
  private FileType type = FileType.Q2_K;

  @Option(
      names = "--forward",
      paramLabel = "KIND",
      description = "As in 'whittle distill'; ${DEFAULT-VALUE} by default.")
  private Forward forward = Forward.DECODED;

  @Option(
      names = "--moments",
      paramLabel = "TYPE",
      description = "As in 'whittle distill'; ${DEFAULT-VALUE} by default.")
  private MomentType moments = MomentType.F32;

  @Option(
      names = "--tokens-per-step",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Tokens of a training step; ${DEFAULT-VALUE} by default.")
  private int tokensPerStep = 4096;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "CTX",
      converter = PositiveInt.class,
      description = "Tokens of a training row; ${DEFAULT-VALUE} by default.")
  private int rowLength = 512;

  @Option(
      names = "--cached",
      description = "Train with the teacher's states from a cache, as 'whittle distill' does.")
  private boolean cached;

  @Mixin private ActivationsOption activations;

  @Mixin private InferenceOptions inference;

  @Option(
      names = "--compare",
      paramLabel = "EARLIER",
      description = "Compare with what an earlier 'bench --json' printed to this file.")
  private @Nullable Path earlier;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(
            measures(Kind.TRAIN),
            "the part 'train'",
            "--type",
            "--forward",
            "--moments",
            "--tokens-per-step",
            "-c",
            "--cached",
            "--activations"),
        OptionRule.with(
            measures(Kind.INFER),
            "the part 'infer'",
            "--n-gpu-layers",
            "--cache-type-k",
            "--cache-type-v",
            "--flash-attn"),
        OptionRule.with(
            measures(Kind.TRAIN) || measures(Kind.INFER),
            "the parts 'train' and 'infer'",
            "-m",
            "--width",
            "--layers",
            "--vocabulary",
            "--device",
            "--threads"));
  }

  @Override
  public Integer call() throws IOException {
    requireOneModel();
    Terminal terminal = whittle.terminal();
    BenchReport report = measure();
    if (earlier != null) {
      BenchComparison comparison = BenchComparison.of(terminal.json(report), earlier);
      comparison
          .differences()
          .forEach(difference -> terminal.warn("not the same as then: " + difference));
      report = report.withComparison(comparison);
    }
    if (json) {
      terminal.printJson(report);
    } else {
      terminal.print(report.toText());
    }
    return ExitCode.OK;
  }

  Terminal terminal() {
    return whittle.terminal();
  }

  private void requireOneModel() throws IOException {
    if (model != null && shape.isGiven()) {
      throw new ParameterException(
          spec.commandLine(),
          "--width, --layers and --vocabulary make a model of random weights; leave out --model");
    }
    if (earlier != null) {
      BenchComparison.requireReport(earlier);
    }
  }

  private BenchReport measure() throws IOException {
    try (BenchModels models = new BenchModels(model, shape.shape(), shape.isGiven())) {
      return new BenchReport(
          settings(),
          measures(Kind.TRAIN) ? train(models) : null,
          measures(Kind.QUANTIZE) ? quantize() : null,
          measures(Kind.INFER) ? infer(models.run()) : null);
    }
  }

  private boolean measures(Kind part) {
    return kind == null || kind == part;
  }

  /// What the figures depend on beside the machine.
  private Map<String, Object> settings() {
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("threads", inference.threads());
    settings.put("repetitions", repetitions);
    if (measures(Kind.TRAIN)) {
      settings.put("type", type);
      settings.put("forward", forward);
      settings.put("moments", moments);
      settings.put("tokens_per_step", tokensPerStep);
      settings.put("ctx_size", rowLength);
      settings.put("cached", cached);
      settings.put("activations", activations.name());
    }
    if (measures(Kind.INFER)) {
      settings.putAll(inference.settings());
    }
    return settings;
  }

  private Map<String, TrainingBenchmark.Result> train(BenchModels models) throws IOException {
    Map<String, TrainingBenchmark.Result> results = new LinkedHashMap<>();
    for (Path file : models.trained()) {
      results.put(name(file), train(models, file));
    }
    return results;
  }

  private TrainingBenchmark.Result train(BenchModels models, Path file) throws IOException {
    TrainingBenchmark benchmark =
        new TrainingBenchmark(
            file,
            TypeSelection.of(type),
            forward,
            moments,
            tokensPerStep,
            rowLength,
            cached ? models.scratch(name(file) + ".teacher") : null,
            inference.trainingDevices(),
            inference.threads(),
            activations.wanted(),
            repetitions);
    int steps = repetitions + TrainingBenchmark.WARM_UP;
    try (Progress progress = new Progress(whittle.terminal(), "bench train", "steps")) {
      return benchmark.run(step -> progress.update(step, steps, name(file)));
    }
  }

  private Map<GgmlType, QuantizationBenchmark.Result> quantize() {
    QuantizationBenchmark benchmark = new QuantizationBenchmark(SECONDS_A_REPEAT, repetitions);
    Map<GgmlType, QuantizationBenchmark.Result> rates = new LinkedHashMap<>();
    try (Progress progress = new Progress(whittle.terminal(), "bench quantize", "types")) {
      for (GgmlType encoded : ENCODED) {
        rates.put(encoded, benchmark.measure(encoded));
        progress.update(rates.size(), ENCODED.size(), "");
      }
    }
    return rates;
  }

  private Map<String, InferenceBenchmark.Result> infer(Path file) {
    InferenceBenchmark benchmark =
        new InferenceBenchmark(inference.threads(), inference.attention(), repetitions);
    try (LlamaModel loaded = inference.load(file, whittle.terminal());
        Progress progress = new Progress(whittle.terminal(), "bench infer", "passes")) {
      return Map.of(
          name(file),
          benchmark.run(loaded, pass -> progress.update(pass, benchmark.passes(), name(file))));
    }
  }

  private static String name(Path file) {
    return file.getFileName().toString();
  }
}
