package dev.whittle.distillation;

import dev.whittle.data.DataException;
import dev.whittle.data.TokenizedCorpus;
import java.util.BitSet;
import java.util.stream.IntStream;

/// Documents that are not trained on, by whose loss the best step of a run is found: what that step
/// made is shipped.
///
/// @param documents how many, spread over the data
/// @param steps between evaluations; the last step is evaluated too
/// @param patience after so many evaluations without a new best one training ends; 0 for never
public record HeldOut(int documents, int steps, int patience) {
  public HeldOut {
    if (documents < 1 || steps < 1 || patience < 0) {
      throw new IllegalArgumentException(
          "held-out documents and the steps between their evaluations must be at least 1, and the"
              + " patience not negative");
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
