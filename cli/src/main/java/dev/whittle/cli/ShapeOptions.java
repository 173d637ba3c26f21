package dev.whittle.cli;

import dev.whittle.benchmark.SyntheticModel;
import dev.whittle.model.ModelConfig;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// The shape of a model of random weights, beginning with four layers of Qwen3-0.6B's shape and a
/// small vocabulary: enough for the speed of a layer.
final class ShapeOptions {
  private static final int DEFAULT_WIDTH = 1024;
  private static final int DEFAULT_LAYERS = 4;
  private static final int DEFAULT_VOCABULARY = 4096;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--width",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Measure a model of random weights and this width, a multiple of 256; "
              + DEFAULT_WIDTH
              + " if only the next two are given.")
  private @Nullable Integer width;

  @Option(
      names = "--layers",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Likewise, its layers; " + DEFAULT_LAYERS + " by default.")
  private @Nullable Integer layers;

  @Option(
      names = "--vocabulary",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Likewise, its tokens; " + DEFAULT_VOCABULARY + " by default.")
  private @Nullable Integer vocabulary;

  /// Whether a model of random weights was asked for.
  boolean isGiven() {
    return width != null || layers != null || vocabulary != null;
  }

  /// @throws ParameterException if there is no such shape
  ModelConfig shape() {
    try {
      return SyntheticModel.qwen3(
          width == null ? DEFAULT_WIDTH : width,
          layers == null ? DEFAULT_LAYERS : layers,
          vocabulary == null ? DEFAULT_VOCABULARY : vocabulary);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), e.getMessage(), e);
    }
  }
}
