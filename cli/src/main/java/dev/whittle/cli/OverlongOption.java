package dev.whittle.cli;

import dev.whittle.data.Overlong;
import picocli.CommandLine.Option;

/// What becomes of documents that are too long: `--overlong`.
final class OverlongOption {
  @Option(
      names = "--overlong",
      paramLabel = "KIND",
      description =
          "What becomes of a chat, or a prompt with its completion, that is longer than -c: refuse (an"
              + " error that names the line), skip (left out) or cut (loses its end);"
              + " ${DEFAULT-VALUE} by default. A text is split.")
  private Overlong kind = Overlong.REFUSE;

  Overlong kind() {
    return kind;
  }
}
