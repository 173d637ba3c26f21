package dev.whittle.cli;

import picocli.CommandLine.Option;

/// How many sequences a model writes at once: `--parallel`.
final class ParallelOption {
  @Option(
      names = {"-np", "--parallel"},
      paramLabel = "N",
      converter = SequenceCount.class,
      description =
          "Sequences that are generated at once; by default, on the CPU 32 for each thread (for a"
              + " large model, whose threads work together, 32 in all), and 256 on a GPU.")
  private int sequences;

  /// As [dev.whittle.evaluation.GenerationOptions] has it: 0 if nothing was said.
  int sequences() {
    return sequences;
  }
}
