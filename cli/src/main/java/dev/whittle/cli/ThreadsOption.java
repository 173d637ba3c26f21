package dev.whittle.cli;

import picocli.CommandLine.Option;

/// How many threads a command computes with: `-t`.
final class ThreadsOption {
  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Threads on the CPU; by default, one for each processor.")
  private int threads = Runtime.getRuntime().availableProcessors();

  int threads() {
    return threads;
  }
}
