package dev.whittle.cli;

import dev.whittle.blockwise.BlockwiseSettings;
import dev.whittle.data.CorpusLimits;
import dev.whittle.data.Dataset;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.gptq.ColumnOrder;
import dev.whittle.gptq.GptqSettings;
import dev.whittle.quantization.QuantizationMethod;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The text that a method of post-training quantization learns from what a model computes.
final class CalibrationOptions {
  @Option(
      names = {"-f", "--file"},
      paramLabel = "CALIB",
      description =
          "For the methods gptq and blockwise, transforms, --target-bpw and --target-bytes:"
              + " calibration text, JSON lines or Parquet with 'messages' (a chat), 'prompt' and 'completion',"
              + " or 'text'.")
  private @Nullable Path file;

  @Mixin private DomainOption domain;

  @Option(
      names = "--calibration-documents",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Take so many lines of the calibration text, chosen at random; 4096 by default for the"
              + " method blockwise, and else 1024.")
  private int documents;

  @Option(
      names = "--calibration-epochs",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "For the method blockwise: train each layer on so many rounds of the text;"
              + " ${DEFAULT-VALUE} by default.")
  private int epochs = BlockwiseSettings.defaults().epochs();

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "CTX",
      converter = PositiveInt.class,
      description = "The longest calibration document in tokens; ${DEFAULT-VALUE} by" + " default.")
  private int contextLength = 2048;

  @Mixin private OverlongOption overlong;

  @Option(
      names = "--keep-layers",
      paramLabel = "DIR",
      description =
          "For the methods gptq and blockwise: keep finished layers in this folder, and go on from"
              + " those that a killed run has left there.")
  private @Nullable Path kept;

  @Option(
      names = "--column-order",
      paramLabel = "ORDER",
      description =
          "For the methods gptq and blockwise: the order in which columns are rounded: blocks (those with the"
              + " greatest inputs first, but the columns of a block together, so that its scales can"
              + " be fitted to what is left for them), columns (wherever they lie; scales are fitted"
              + " before), or natural; ${DEFAULT-VALUE} by default.")
  private ColumnOrder order = GptqSettings.defaults().order();

  GptqSettings settings() {
    return new GptqSettings(GptqSettings.defaults().damping(), order);
  }

  @Nullable Path kept() {
    return kept;
  }

  BlockwiseSettings blockwise() {
    return BlockwiseSettings.defaults().withStart(settings()).withEpochs(epochs);
  }

  @Nullable Path file() {
    return file;
  }

  /// The text, which must be given.
  Dataset dataset() {
    return domain.of(Objects.requireNonNull(file));
  }

  /// How long a document may be.
  CorpusLimits limits() {
    return overlong.limits(contextLength);
  }

  /// Reads the text, which must be given, and tokenizes it for a model.
  ///
  /// @param method which decides how much is taken where that is not said
  TokenizedCorpus read(Path model, QuantizationMethod method, Terminal terminal) {
    int count = documents > 0 ? documents : method == QuantizationMethod.BLOCKWISE ? 4096 : 1024;
    return CalibrationText.read(model, List.of(dataset()), limits(), count, terminal);
  }
}
