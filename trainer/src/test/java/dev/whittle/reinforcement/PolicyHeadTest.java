package dev.whittle.reinforcement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.autograd.FiniteDifference;
import dev.whittle.data.PackedBatch;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk.Activations;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.Parameter;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The loss of policy optimization and its gradient, at every parameter of a small model with
/// float32 weights. Tolerances are those of the whole distillation loss: the backward products run
/// in BF16 and attention rounds to F16.
class PolicyHeadTest {
  private static final double TOLERANCE = 6e-2;
  private static final BatchShape SHAPE = new BatchShape(2, 32);
  private static final double BETA = 0.3;

  @TempDir Path folder;

  private Path write(long seed, String name) throws Exception {
    Path file = folder.resolve(name + ".gguf");
    try (HuggingFaceCheckpoint imported =
        HuggingFaceCheckpoint.open(TinyCheckpoint.qwen3(seed).write(folder.resolve(name)))) {
      imported.writeGguf(file, GgmlType.F32, false);
    }
    return file;
  }

  /// Replies of random tokens; three micro-batches, the last one not full.
  private static RolloutBatches rollouts() {
    Random random = new Random(5);
    List<Rollout> rollouts = new ArrayList<>();
    for (int i = 0; i < 14; i++) {
      int length = 3 + random.nextInt(15);
      BitSet reply = new BitSet();
      reply.set(3, 3 + length);
      rollouts.add(
          new Rollout(
              new TokenizedDocument(random.ints(3 + length, 0, 256).toArray(), reply),
              length,
              false,
              false,
              0,
              random.nextGaussian()));
    }
    return RolloutBatches.of(rollouts, SHAPE);
  }

  @Test
  void eachReplyIsPackedOnce() {
    RolloutBatches packed = rollouts();
    long targets = 0;
    List<Integer> documents = new ArrayList<>();
    for (PackedBatch batch : packed.batches()) {
      targets += batch.targetCount(true);
      batch.placements().forEach(placement -> documents.add(placement.document()));
    }
    assertEquals(packed.rollouts().stream().mapToLong(Rollout::length).sum(), targets);
    assertEquals(14, documents.stream().distinct().count());
    assertEquals(14, documents.size());
  }

  /// A loss with what a place weighs, whose advantages come from the replies.
  private record Loss(PolicyEngine engine, RolloutBatches rollouts, List<float[]> before) {
    /// The sum over all tokens of −r·A + β·KL, and its gradient.
    double run(TrainedWeights weights) {
      weights.clearGradients();
      double loss = 0;
      for (int i = 0; i < rollouts.batches().size(); i++) {
        PackedBatch batch = rollouts.batches().get(i);
        int[] owners = RolloutBatches.owners(batch, rollouts.rollouts());
        float[] old = before.get(i);
        PolicyHead.Statistics statistics =
            engine.train(
                batch,
                new PolicyHead.Weights() {
                  @Override
                  public float policy(int place, float logProbability) {
                    return (float) (advantage(owners[place]) * ratio(logProbability, old[place]));
                  }

                  @Override
                  public float divergence(int place) {
                    return (float) BETA;
                  }
                });
        for (int place = 0; place < owners.length; place++) {
          if (batch.isTarget(place, true)) {
            loss -=
                advantage(owners[place]) * ratio(statistics.logProbabilities()[place], old[place]);
            loss += BETA * statistics.divergences()[place];
          }
        }
      }
      return loss;
    }

    private double advantage(int owner) {
      return rollouts.rollouts().get(owner).advantage();
    }

    private static double ratio(float now, float before) {
      return Math.exp(now - before);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, 0.7})
  void theGradientIsTheSlope(double temperature) throws Exception {
    try (Backend backend = Backend.cpu(1);
        Workers workers = new Workers(1);
        ModelFile reference = ModelFile.open(write(1, "reference"));
        ModelFile policy = ModelFile.open(write(2, "policy"));
        FrozenWeights frozen = new FrozenWeights(backend, reference);
        TrainedWeights weights =
            new TrainedWeights(
                backend,
                policy,
                t -> GgmlType.F32,
                t -> null,
                Forward.DEPLOYED,
                MomentType.F32,
                workers);
        PolicyEngine engine =
            new PolicyEngine(
                backend,
                policy,
                reference,
                frozen,
                true,
                weights,
                SHAPE,
                temperature,
                Activations.KEPT)) {
      weights.encode();
      RolloutBatches rollouts = rollouts();
      List<float[]> before =
          rollouts.batches().stream()
              .map(batch -> engine.evaluate(batch).logProbabilities())
              .toList();
      Loss loss = new Loss(engine, rollouts, before);
      loss.run(weights);
      List<float[]> gradients =
          weights.parameters().stream().map(p -> p.gradient().readFloats()).toList();
      double longest = gradients.stream().mapToDouble(PolicyHeadTest::norm).max().orElseThrow();
      int index = 0;
      for (Parameter p : weights.parameters()) {
        float[] gradient = gradients.get(index++);
        if (norm(gradient) < 2e-2 * longest) {
          // Too flat for a difference of float32 losses to show a slope.
          continue;
        }
        double size = norm(p.master().readFloats()) / Math.sqrt(p.elements());
        double error =
            FiniteDifference.error(
                p.master(), gradient, () -> loss.run(weights), 0.03 * size, index);
        assertTrue(error < TOLERANCE, p.name() + " is off by " + error);
      }
    }
  }

  @Test
  void theStatisticsAreThoseOfTheDistributions() throws Exception {
    Path file = write(1, "model");
    try (Backend backend = Backend.cpu(1);
        Workers workers = new Workers(1);
        ModelFile model = ModelFile.open(file);
        FrozenWeights frozen = new FrozenWeights(backend, model);
        TrainedWeights weights =
            new TrainedWeights(
                backend,
                model,
                t -> GgmlType.F32,
                t -> null,
                Forward.DEPLOYED,
                MomentType.F32,
                workers);
        PolicyEngine engine =
            new PolicyEngine(
                backend, model, model, frozen, true, weights, SHAPE, 1, Activations.KEPT)) {
      weights.encode();
      double most = Math.log(model.config().vocabulary());
      for (PackedBatch batch : rollouts().batches()) {
        PolicyHead.Statistics statistics = engine.evaluate(batch);
        for (int place = 0; place < batch.tokens().length; place++) {
          if (batch.isTarget(place, true)) {
            // The reference is the policy itself.
            assertEquals(0, statistics.divergences()[place], 1e-5);
            assertTrue(statistics.logProbabilities()[place] < 0);
            assertTrue(statistics.entropies()[place] > 0);
            assertTrue(statistics.entropies()[place] < most + 1e-4);
          } else {
            assertEquals(0, statistics.logProbabilities()[place]);
          }
        }
      }
    }
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float v : values) {
      sum += (double) v * v;
    }
    return Math.sqrt(sum);
  }
}
