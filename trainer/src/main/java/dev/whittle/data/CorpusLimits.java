package dev.whittle.data;

import java.util.Optional;

/// How much of a data set is taken.
///
/// @param contextLength the most tokens of a document; a longer text is split
/// @param overlong what becomes of a longer chat or completion
/// @param maxDocuments take so many examples, chosen at random; 0 for all of them
/// @param seed of that choice
public record CorpusLimits(int contextLength, Overlong overlong, long maxDocuments, long seed) {
  public CorpusLimits {
    if (contextLength < 2 || maxDocuments < 0) {
      throw new IllegalArgumentException(
          "a context of %d tokens and at most %d documents: it must be 2 or more, and 0 or more"
              .formatted(contextLength, maxDocuments));
    }
  }

  /// All of the data set, where no chat or completion is longer.
  public static CorpusLimits ofContext(int contextLength) {
    return new CorpusLimits(contextLength, Overlong.REFUSE, 0, 0);
  }

  /// The same with another rule for what is longer.
  public CorpusLimits withOverlong(Overlong other) {
    return new CorpusLimits(contextLength, other, maxDocuments, seed);
  }

  /// What to tell of a corpus that was read with these limits: how many of its documents are
  /// longer, if any are.
  public Optional<String> notice(TokenizedCorpus corpus) {
    return corpus.overlong() == 0
        ? Optional.empty()
        : Optional.of(
            "documents longer than %,d tokens, which were %s: %,d"
                .formatted(
                    contextLength,
                    overlong == Overlong.CUT ? "cut" : "left out",
                    corpus.overlong()));
  }

  /// The same of so many examples.
  public CorpusLimits withDocuments(long count, long choice) {
    return new CorpusLimits(contextLength, overlong, count, choice);
  }
}
