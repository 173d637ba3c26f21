package dev.whittle.cli;

import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModelOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How many sequences a model writes at once: `--parallel`.
final class ParallelOption {
  private static final int ON_HOST = 32;

  /// As many as a context of llama.cpp can hold: a GPU only works at its full rate on many.
  private static final int ON_DEVICE = LlamaContextOptions.MOST_SEQUENCES;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = {"-np", "--parallel"},
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Sequences that are generated at once; by default, "
              + ON_HOST
              + " on the CPU and "
              + ON_DEVICE
              + " on a GPU.")
  private @Nullable Integer sequences;

  /// @param options where the model's layers go
  /// @throws ParameterException if more are wanted than a context can hold
  int sequences(LlamaModelOptions options) {
    if (sequences != null) {
      if (sequences > LlamaContextOptions.MOST_SEQUENCES) {
        throw new ParameterException(
            spec.commandLine(),
            "--parallel is %d, and llama.cpp generates at most %d sequences at once; ask for fewer"
                .formatted(sequences, LlamaContextOptions.MOST_SEQUENCES));
      }
      return sequences;
    }
    return options.isOffloading() ? ON_DEVICE : ON_HOST;
  }
}
