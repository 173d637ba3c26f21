package dev.whittle.cli;

import dev.whittle.data.CorpusLimits;
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

  /// How long a document may be: so many tokens, and no fewer than there is something to predict
  /// in.
  CorpusLimits limits(int contextLength) {
    return CorpusLimits.ofContext(Math.max(2, contextLength)).withOverlong(kind);
  }
}
