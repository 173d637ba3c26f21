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
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// `whittle bench`: how fast this machine is.
@Command(
    name = "bench",
    description = {
      "Measures the speed of training, quantization and inference on this machine, beside the rate of"
          + " a large matrix product in bfloat16, which nothing can exceed.",
      ""
    })
final class BenchCommand implements Callable<Integer> {
  /// What can be measured.
  enum Kind {
    TRAIN,
    QUANTIZE,
    INFER
  }

  private static final int REPEATS = 5;

  /// Steps of the training benchmark that do not count.
  private static final int WARM_UP = 2;

  private static final double SECONDS_A_TYPE = 0.4;

  private static final List<GgmlType> ENCODED =
      List.of(
          GgmlType.Q8_0,
          GgmlType.Q4_0,
          GgmlType.Q4_K,
          GgmlType.Q3_K,
          GgmlType.Q2_K,
          GgmlType.IQ3_XXS,
          GgmlType.IQ2_XXS,
          GgmlType.MXFP4,
          GgmlType.Q2_0,
          GgmlType.TQ2_0);

  @ParentCommand private Whittle whittle;

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

  @Mixin private ThreadsOption threads;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    try (BenchModels models = new BenchModels(model)) {
      BenchReport report =
          new BenchReport(
              measures(Kind.TRAIN) ? train(models) : null,
              measures(Kind.QUANTIZE) ? quantize() : null,
              measures(Kind.INFER) ? infer(models.real()) : null);
      if (json) {
        whittle.terminal().printJson(report);
      } else {
        whittle.terminal().print(report.toText());
      }
    }
    return ExitCode.OK;
  }

  private boolean measures(Kind part) {
    return kind == null || kind == part;
  }

  private Map<String, TrainingBenchmark.Result> train(BenchModels models) throws IOException {
    Map<String, TrainingBenchmark.Result> results = new LinkedHashMap<>();
    results.put(name(models.real()), train(models.real()));
    if (models.hasSynthetic()) {
      Path synthetic = models.synthetic();
      results.put(name(synthetic), train(synthetic));
    }
    return results;
  }

  private TrainingBenchmark.Result train(Path file) {
    TrainingBenchmark benchmark =
        new TrainingBenchmark(
            file,
            TypeSelection.of(type),
            forward,
            tokensPerStep,
            rowLength,
            threads.threads(),
            REPEATS);
    try (Progress progress = new Progress(whittle.terminal(), "bench train", "steps")) {
      return benchmark.run(step -> progress.update(step, REPEATS + WARM_UP, name(file)));
    }
  }

  private Map<GgmlType, Double> quantize() {
    QuantizationBenchmark benchmark = new QuantizationBenchmark(SECONDS_A_TYPE);
    Map<GgmlType, Double> rates = new LinkedHashMap<>();
    try (Progress progress = new Progress(whittle.terminal(), "bench quantize", "types")) {
      for (GgmlType encoded : ENCODED) {
        rates.put(encoded, benchmark.weightsPerSecond(encoded));
        progress.update(rates.size(), ENCODED.size(), "");
      }
    }
    return rates;
  }

  private Map<String, InferenceBenchmark.Result> infer(Path file) {
    try (LlamaModel loaded = ModelOption.load(file)) {
      return Map.of(name(file), new InferenceBenchmark(threads.threads(), REPEATS).run(loaded));
    }
  }

  private static String name(Path file) {
    return file.getFileName().toString();
  }
}
