package dev.whittle.data;

/// How much of a data set is taken.
///
/// @param contextLength the most tokens of a document; a longer chat or completion is an error, a
///   longer text is split
/// @param maxDocuments take so many examples, chosen at random; 0 for all of them
/// @param seed of that choice
public record CorpusLimits(int contextLength, long maxDocuments, long seed) {
  public CorpusLimits {
    if (contextLength < 2 || maxDocuments < 0) {
      throw new IllegalArgumentException(
          "a context of %d tokens and at most %d documents: it must be 2 or more, and 0 or more"
              .formatted(contextLength, maxDocuments));
    }
  }

  /// All of the data set.
  public static CorpusLimits ofContext(int contextLength) {
    return new CorpusLimits(contextLength, 0, 0);
  }
}
