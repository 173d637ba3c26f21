package dev.whittle.distillation;

import dev.whittle.data.DataException;
import dev.whittle.data.TokenizedCorpus;
import java.util.BitSet;
import java.util.stream.IntStream;

/// Documents that are not trained on, so that their loss tells how training goes.
///
/// @param documents how many, spread over the data
public record HeldOut(int documents) {
  public HeldOut {
    if (documents < 1) {
      throw new IllegalArgumentException("held-out documents must be at least 1");
    }
  }

  /// The numbers of the documents that are held out.
  ///
  /// @throws DataException if that leaves none to train on
  int[] of(TokenizedCorpus corpus) {
    if (documents >= corpus.size()) {
      throw new DataException(
          "the data has %d documents, so %d cannot be held out; hold out fewer, such as a hundredth"
              .formatted(corpus.size(), documents));
    }
    return IntStream.range(0, documents)
        .map(i -> (int) ((long) i * corpus.size() / documents))
        .toArray();
  }

  /// The others.
  int[] rest(TokenizedCorpus corpus) {
    BitSet rest = new BitSet();
    rest.set(0, corpus.size());
    for (int document : of(corpus)) {
      rest.clear(document);
    }
    return rest.stream().toArray();
  }
}
