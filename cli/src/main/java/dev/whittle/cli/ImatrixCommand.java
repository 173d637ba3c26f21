package dev.whittle.cli;

import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Example;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gptq.WeightedImportance;
import dev.whittle.inference.ModelLoader;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.ImportanceCollector;
import dev.whittle.quantization.ImportanceMatrix;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// `whittle imatrix`: which columns of a model's matrices matter.
@Command(
    name = "imatrix",
    description = {
      "Runs text through a model and collects how much each column of its matrices matters, in the"
          + " file format of llama-imatrix.",
      ""
    })
final class ImatrixCommand implements Callable<Integer>, Checkable, OptionRules {
  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Mixin private ModelOption model;
  @Mixin private DataOption data;
  @Mixin private OutputFile output;

  @Option(
      names = "--limit",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Take the first N examples only; with --weigh-tokens, N that are chosen at random.")
  private int limit = Integer.MAX_VALUE;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "CTX",
      converter = PositiveInt.class,
      description =
          "Tokens that are run through the model at once, 512 by default; with --weigh-tokens, the"
              + " longest document, 2048 by default.")
  private @Nullable Integer contextLength;

  @Mixin private OverlongOption overlong;

  @Option(
      names = "--weigh-tokens",
      description =
          "Let a token count by what an error there costs the model's replies, as in the method"
              + " gptq, and not all alike. On the CPU; the model must be of a family that can be"
              + " trained.")
  private boolean weighTokens;

  @Option(names = "--process-output", description = "Collect for output.weight too.")
  private boolean processOutput;

  @Mixin private DeviceOption device;
  @Mixin private ThreadsOption threads;
  @Mixin private ResultOption result;

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(weighTokens, "--weigh-tokens", "--overlong"),
        OptionRule.without(!weighTokens, "--weigh-tokens", "--device"));
  }

  @Override
  public void check() {
    if (!weighTokens) {
      collector();
      device.select();
    }
  }

  @Override
  public Integer call() throws IOException {
    Path target = output.require(model.path(), data.path());
    ImportanceMatrix matrix = weighTokens ? weighed() : plain();
    matrix.write(target, output.mayReplace());
    Map<String, Object> object = ResultOption.written(target);
    object.put("matrices", matrix.tensors().size());
    object.put("chunks", matrix.chunkCount());
    object.put("chunk_tokens", matrix.chunkSize());
    result.tell(
        whittle.terminal(),
        "%s: %,d matrices, from %,d chunks of %,d tokens"
            .formatted(target, matrix.tensors().size(), matrix.chunkCount(), matrix.chunkSize()),
        object);
    return ExitCode.OK;
  }

  private ImportanceMatrix plain() {
    Dataset dataset = data.dataset();
    long examples = Math.min(limit, dataset.count());
    ImportanceCollector collector = collector();
    try (LlamaModel loaded =
            ModelLoader.load(
                model.path(), LlamaModelOptions.defaults().withDevices(device.select()));
        Stream<Example> read = dataset.examples();
        Progress progress = new Progress(whittle.terminal(), "imatrix", "examples")) {
      DocumentTokenizer tokenizer = new DocumentTokenizer(loaded);
      AtomicLong taken = new AtomicLong();
      Stream<int[]> documents =
          read.limit(limit)
              .map(example -> {
                taken.incrementAndGet();
                return tokenizer.tokenize(dataset, example).tokens();
              });
      return collector.collect(
          loaded,
          documents::iterator,
          dataset.path().toString(),
          chunks -> progress.update(taken.get(), examples, "%,d chunks".formatted(chunks)));
    }
  }

  private ImportanceCollector collector() {
    int chunkSize = contextLength == null ? 512 : contextLength;
    try {
      return new ImportanceCollector(chunkSize, processOutput, threads.threads());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), "--ctx-size: " + e.getMessage(), e);
    }
  }

  private ImportanceMatrix weighed() {
    Dataset dataset = data.dataset();
    int longest = contextLength == null ? 2048 : contextLength;
    TokenizedCorpus corpus =
        CalibrationText.read(
            model.path(), List.of(dataset), overlong.limits(longest), limit, whittle.terminal());
    try (ModelFile file = ModelFile.open(model.path());
        Progress progress = new Progress(whittle.terminal(), "imatrix", "layers")) {
      return new WeightedImportance(processOutput, threads.threads())
          .collect(
              file,
              corpus,
              dataset.path().toString(),
              done -> progress.update(done, file.config().layers(), ""));
    }
  }
}
