package dev.whittle.cli;

import dev.whittle.data.Dataset;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The data set that a command reads: `-f`.
final class DataOption {
  @Option(
      names = {"-f", "--file"},
      required = true,
      paramLabel = "DATA",
      description =
          "A data set, JSON lines or Parquet, with 'messages' (a chat), 'prompt' and 'completion', or 'text'; where"
              + " replies are graded (eval, grpo), each with an 'answer'.")
  private Path path;

  @Mixin private DomainOption domain;

  Path path() {
    return path;
  }

  Dataset dataset() {
    return domain.of(path);
  }
}
