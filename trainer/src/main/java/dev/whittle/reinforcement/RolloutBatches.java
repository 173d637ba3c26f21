package dev.whittle.reinforcement;

import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.model.BatchShape;
import java.util.Arrays;
import java.util.List;

/// Replies, packed into micro-batches, each reply once.
///
/// @param rollouts the replies, none possibly
/// @param batches their placements have the numbers of the replies
record RolloutBatches(List<Rollout> rollouts, List<PackedBatch> batches) {
  static RolloutBatches of(List<Rollout> rollouts, BatchShape shape) {
    if (rollouts.isEmpty()) {
      return new RolloutBatches(rollouts, List.of());
    }
    TokenizedCorpus corpus = TokenizedCorpus.of(rollouts.stream().map(Rollout::document).toList());
    return new RolloutBatches(rollouts, PackedBatches.once(corpus, shape));
  }

  /// The reply at each place of a micro-batch; −1 where there is none.
  static int[] owners(PackedBatch batch, List<Rollout> rollouts) {
    int[] owners = new int[batch.tokens().length];
    Arrays.fill(owners, PackedBatch.NONE);
    for (PackedBatch.Placement placement : batch.placements()) {
      int length = rollouts.get(placement.document()).document().length();
      Arrays.fill(owners, placement.place(), placement.place() + length, placement.document());
    }
    return owners;
  }
}
