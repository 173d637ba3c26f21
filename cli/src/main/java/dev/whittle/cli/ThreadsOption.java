package dev.whittle.cli;

import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How many threads a command computes with: `-t`.
final class ThreadsOption {
  private static final int MOST = 512;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      description = "Threads on the CPU; by default, one for each processor.")
  private void setThreads(int count) {
    if (count < 1 || count > MOST) {
      throw new ParameterException(
          command.commandLine(),
          "invalid value for option '--threads': it must be 1 to " + MOST + ", not " + count);
    }
    threads = count;
  }

  int threads() {
    return threads;
  }
}
