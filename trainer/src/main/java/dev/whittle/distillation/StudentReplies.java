package dev.whittle.distillation;

import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.evaluation.Generation;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.FileType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.rollout.RolloutGenerator;
import dev.whittle.rollout.RolloutGenerator.Rollouts;
import dev.whittle.training.TrainedWeights;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// The text of [OnPolicy] steps. What a step is given depends on its number and the student's
/// blocks alone, so that a run that goes on later has the same.
final class StudentReplies implements AutoCloseable {
  /// The share of a step's places that replies as long as those of the data take: some are longer,
  /// rows are never quite full, and what is too much takes a whole micro-batch more.
  private static final double FILL = 0.9;

  private final BitSet due;
  private final Prompts prompts;
  private final BatchPlan plan;
  private final int devices;
  private final int count;
  private final long firstSeed;
  private final RolloutGenerator generator;

  /// @param documents the numbers of those whose prompts are used
  /// @param plan of the run's steps, whose rows have room for any of the documents
  /// @param devices that share a step
  /// @param source what the student's metadata are taken from; must stay open
  /// @throws IOException if there is no room for files
  /// @throws dev.whittle.data.DataException if no document has a prompt
  StudentReplies(
      DistillationSettings settings,
      OnPolicy onPolicy,
      TokenizedCorpus corpus,
      int[] documents,
      BatchPlan plan,
      int devices,
      GgufFile source,
      FileType type,
      Inference inference)
      throws IOException {
    this.plan = plan;
    this.devices = devices;
    due = onPolicy.steps(settings.steps());
    prompts = Prompts.of(corpus, documents, settings.seed());
    double mean = IntStream.of(documents).mapToLong(corpus::length).average().orElseThrow();
    count = (int) Math.max(1, Math.round(FILL * plan.tokens() / mean));
    firstSeed = new SplittableRandom(settings.seed()).nextLong(1L << 32);
    GenerationOptions options =
        inference.generation(onPolicy.maxNewTokens()).withContextLength(plan.shape().rowLength());
    generator =
        new RolloutGenerator(source, type, inference.model(), options, onPolicy.temperature());
  }

  /// A step's text.
  ///
  /// @param batches as many for each device, with targets at the student's own tokens only
  /// @param meanTokens of a reply
  /// @param truncatedRate the share of replies that were cut off
  /// @param seconds that the replies took, the student's way into llama.cpp included
  record Round(
      List<PackedBatch> batches, double meanTokens, double truncatedRate, double seconds) {}

  /// Whether a step is one of these.
  boolean areDue(int step) {
    return due.get(step);
  }

  /// Lets the student reply.
  ///
  /// @param step its number, from 1
  /// @throws IOException if the blocks cannot be written
  Round next(int step, TrainedWeights weights) throws IOException {
    long first = (long) due.get(0, step).cardinality() * count;
    List<int[]> asked = prompts.from(first, count);
    Rollouts rollouts = generator.generate(weights, asked, firstSeed + first);
    List<TokenizedDocument> documents = new ArrayList<>();
    int truncated = 0;
    for (Generation reply : rollouts.replies()) {
      documents.add(TokenizedDocument.replied(asked.get(reply.prompt()), reply.tokens()));
      truncated += reply.truncated() ? 1 : 0;
    }
    return new Round(
        batches(documents),
        (double) rollouts.tokens() / count,
        (double) truncated / count,
        rollouts.loadSeconds() + rollouts.seconds());
  }

  private List<PackedBatch> batches(List<TokenizedDocument> documents) {
    List<PackedBatch> batches = new ArrayList<>();
    for (PackedBatch batch : PackedBatches.once(TokenizedCorpus.of(documents), plan.shape())) {
      batches.add(batch.withoutGivenTargets());
    }
    while (batches.size() % devices != 0) {
      batches.add(PackedBatch.empty(plan.shape()));
    }
    return batches;
  }

  @Override
  public void close() {
    generator.close();
  }
}
