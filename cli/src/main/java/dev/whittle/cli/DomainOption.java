package dev.whittle.cli;

import dev.whittle.data.Dataset;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Which part of a data set a command reads: `--domain`.
final class DomainOption {
  @Option(
      names = "--domain",
      paramLabel = "NAME",
      description =
          "Take only the examples of the data whose 'domain' is this one; by default, all.")
  private @Nullable String domain;

  Dataset of(Path file) {
    return new Dataset(file, domain);
  }
}
