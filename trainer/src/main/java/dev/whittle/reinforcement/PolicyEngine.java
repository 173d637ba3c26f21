package dev.whittle.reinforcement;

import dev.whittle.data.PackedBatch;
import dev.whittle.distillation.DistillationHead;
import dev.whittle.distillation.TeacherStates;
import dev.whittle.ggml.Backend;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import dev.whittle.training.TrainedWeights;
import org.jspecify.annotations.Nullable;

/// The passes of an update: reference forward, policy forward, loss, policy backward.
final class PolicyEngine implements AutoCloseable {
  private final TrainedWeights weights;
  private final BatchInputs inputs;
  private final @Nullable TeacherStates reference;
  private final Trunk policy;
  private final PolicyHead head;

  /// Builds all graphs.
  ///
  /// @param model the policy's shape
  /// @param reference the model that the policy is held to, or any of the same shape where `held`
  ///   is false
  /// @param referenceWeights of `reference`; used for the rotary frequencies too
  /// @param held whether the divergence from the reference is computed
  PolicyEngine(
      Backend backend,
      ModelFile model,
      ModelFile reference,
      FrozenWeights referenceWeights,
      boolean held,
      TrainedWeights weights,
      BatchShape shape,
      double temperature,
      Trunk.Activations activations) {
    this.weights = weights;
    inputs = new BatchInputs(backend, shape);
    this.reference =
        held ? TeacherStates.of(backend, reference, referenceWeights, inputs, null, false) : null;
    policy =
        new Trunk(
            backend,
            model.config(),
            model.family(),
            weights,
            referenceWeights.ropeFactors(),
            inputs,
            activations);
    head =
        new PolicyHead(
            backend,
            new DistillationHead.Student(
                weights.weight(ModelFile.OUTPUT_NORM),
                weights.weight(model.headName()),
                model.config().epsilon(),
                policy.output()),
            this.reference == null
                ? null
                : new DistillationHead.Teacher(
                    referenceWeights.weight(reference.headName()), this.reference.tensor()),
            policy.outputGradient(),
            temperature);
  }

  /// Computes the statistics of the tokens that the model is to produce.
  PolicyHead.Statistics evaluate(PackedBatch batch) {
    PolicyHead.Statistics statistics = load(batch);
    policy.forward();
    head.evaluate(batch.targets(), carries(batch), statistics);
    return statistics;
  }

  /// Likewise, and adds to the gradients of the weights.
  PolicyHead.Statistics train(PackedBatch batch, PolicyHead.Weights factors) {
    PolicyHead.Statistics statistics = load(batch);
    policy.forward();
    policy.outputGradient().clear();
    head.run(batch.targets(), carries(batch), statistics, factors);
    policy.backward();
    weights.addEmbeddingGradient(batch.tokens(), policy.embeddingGradient());
    return statistics;
  }

  private PolicyHead.Statistics load(PackedBatch batch) {
    inputs.load(batch.tokens(), batch.positions(), batch.documents());
    if (reference != null) {
      reference.load(batch);
    }
    return new PolicyHead.Statistics(batch.tokens().length);
  }

  static boolean[] carries(PackedBatch batch) {
    boolean[] carries = new boolean[batch.tokens().length];
    for (int place = 0; place < carries.length; place++) {
      carries[place] = batch.isTarget(place, true);
    }
    return carries;
  }

  /// The bytes of activations, states, logits, and work space.
  long bytes() {
    return inputs.bytes()
        + policy.bytes()
        + head.bytes()
        + (reference == null ? 0 : reference.bytes());
  }

  @Override
  public void close() {
    head.close();
    policy.close();
    if (reference != null) {
      reference.close();
    }
    inputs.close();
  }
}
