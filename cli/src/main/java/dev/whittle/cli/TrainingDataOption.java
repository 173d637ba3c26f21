package dev.whittle.cli;

import dev.whittle.data.Dataset;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The data sets that a command trains on: `-f`, once or several times.
final class TrainingDataOption {
  @Option(
      names = {"-f", "--file"},
      required = true,
      paramLabel = "DATA",
      description =
          "A data set, JSON lines or Parquet, with 'messages' (a chat), 'prompt' and 'completion', or 'text';"
              + " several times for several as if they were one, such as text of one's own and of"
              + " the model's. One that is named twice counts twice.")
  private List<Path> paths;

  @Mixin private DomainOption domain;

  List<Path> paths() {
    return paths;
  }

  List<Dataset> datasets() {
    return paths.stream().map(domain::of).toList();
  }
}
