package dev.whittle.cli;

import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModelOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How many sequences a model writes at once: `--parallel`.
final class ParallelOption {
  private static final int ON_HOST = 32;

  /// As many as a context of llama.cpp can hold: a GPU only works at its full rate on many.
  private static final int ON_DEVICE = LlamaContextOptions.MOST_SEQUENCES;

  @Option(
      names = {"-np", "--parallel"},
      paramLabel = "N",
      converter = SequenceCount.class,
      description =
          "Sequences that are generated at once; by default, "
              + ON_HOST
              + " on the CPU and "
              + ON_DEVICE
              + " on a GPU.")
  private @Nullable Integer sequences;

  /// @param options where the model's layers go
  int sequences(LlamaModelOptions options) {
    if (sequences != null) {
      return sequences;
    }
    return options.isOffloading() ? ON_DEVICE : ON_HOST;
  }
}
