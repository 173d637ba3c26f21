package dev.whittle.data;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;

/// Text without a meaning, for what only has to have some inputs.
public final class RandomText {
  private RandomText() {}

  /// Random documents of 5 to 40 tokens.
  ///
  /// @param vocabulary how many tokens there are to choose from, the first ones
  public static TokenizedCorpus corpus(int documents, int vocabulary, long seed) {
    Random random = new Random(seed);
    List<TokenizedDocument> all = new ArrayList<>();
    for (int i = 0; i < documents; i++) {
      int[] tokens = random.ints(5 + random.nextInt(36), 0, vocabulary).toArray();
      all.add(new TokenizedDocument(tokens, new BitSet()));
    }
    return TokenizedCorpus.of(all);
  }
}
