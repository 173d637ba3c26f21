package dev.whittle.distillation;

import dev.whittle.data.DataException;
import dev.whittle.data.Epochs;
import dev.whittle.data.TokenizedCorpus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/// What the documents of a corpus give before their last replies, epoch after epoch, each in a new
/// random order.
final class Prompts {
  private final List<int[]> prompts;
  private final long seed;
  private int epoch = -1;
  private List<int[]> order = List.of();

  private Prompts(List<int[]> prompts, long seed) {
    this.prompts = prompts;
    this.seed = seed;
  }

  /// The prompts of some documents, given by their numbers; those that ask for no reply have none.
  ///
  /// @throws DataException if none has one
  static Prompts of(TokenizedCorpus corpus, int[] documents, long seed) {
    List<int[]> prompts =
        Arrays.stream(documents)
            .mapToObj(i -> corpus.document(i).prompt())
            .filter(prompt -> prompt.length > 0)
            .toList();
    if (prompts.isEmpty()) {
      throw new DataException(
          "the data asks for no reply, so the student has nothing to reply to; leave out"
              + " --on-policy, or write 'messages', or 'prompt' and 'completion'");
    }
    return new Prompts(prompts, seed);
  }

  /// Some of the endless sequence.
  ///
  /// @param first the number of the first one, from 0
  List<int[]> from(long first, int count) {
    List<int[]> some = new ArrayList<>();
    for (long number = first; number < first + count; number++) {
      seek((int) (number / prompts.size()));
      some.add(order.get((int) (number % prompts.size())));
    }
    return some;
  }

  private void seek(int wanted) {
    if (wanted != epoch) {
      List<int[]> shuffled = new ArrayList<>(prompts);
      Collections.shuffle(shuffled, Epochs.order(seed, wanted));
      order = shuffled;
      epoch = wanted;
    }
  }
}
