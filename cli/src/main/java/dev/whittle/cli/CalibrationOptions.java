package dev.whittle.cli;

import dev.whittle.data.CorpusLimits;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.JsonlDataset;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gptq.ColumnOrder;
import dev.whittle.gptq.GptqSettings;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The text that a method of post-training quantization learns from what a model computes.
final class CalibrationOptions {
  @Option(
      names = {"-f", "--file"},
      paramLabel = "CALIB",
      description =
          "For the method gptq and transforms: calibration text, JSON lines with 'messages' (a chat), 'prompt' and"
              + " 'completion', or 'text'.")
  private @Nullable Path file;

  @Option(
      names = "--calibration-documents",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Take so many lines of the calibration text, chosen at random;"
              + " ${DEFAULT-VALUE} by default.")
  private int documents = 1024;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "CTX",
      converter = PositiveInt.class,
      description = "The longest calibration document in tokens; ${DEFAULT-VALUE} by" + " default.")
  private int contextLength = 2048;

  @Option(
      names = "--column-order",
      paramLabel = "ORDER",
      description =
          "For the method gptq: the order in which columns are rounded: blocks (those with the"
              + " greatest inputs first, but the columns of a block together, so that its scales can"
              + " be fitted to what is left for them), columns (wherever they lie; scales are fitted"
              + " before), or natural; ${DEFAULT-VALUE} by default.")
  private ColumnOrder order = GptqSettings.defaults().order();

  GptqSettings settings() {
    return new GptqSettings(GptqSettings.defaults().damping(), order);
  }

  @Nullable Path file() {
    return file;
  }

  /// Reads the text and tokenizes it for a model.
  TokenizedCorpus read(Path text, Path model) {
    JsonlDataset dataset = new JsonlDataset(text);
    try (LlamaModel tokenizer = LlamaModel.load(model, LlamaModelOptions.vocabulary())) {
      return TokenizedCorpus.read(
          dataset,
          new DocumentTokenizer(tokenizer),
          new CorpusLimits(Math.max(2, contextLength), documents, 1));
    }
  }
}
