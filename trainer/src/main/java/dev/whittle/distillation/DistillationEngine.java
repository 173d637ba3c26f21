package dev.whittle.distillation;

import dev.whittle.data.PackedBatch;
import dev.whittle.ggml.Backend;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import dev.whittle.model.WeightSource;
import dev.whittle.training.TrainedWeights;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The passes of a step: teacher forward, student forward, loss, student backward.
public final class DistillationEngine implements AutoCloseable {
  private final ModelFile teacherFile;
  private final TrainedWeights weights;
  private final boolean completionOnly;
  private final BatchInputs inputs;
  private final @Nullable Trunk teacher;
  private final Trunk student;
  private final DistillationHead head;

  /// Builds all graphs.
  ///
  /// @param teacherWeights of `teacherFile`; used for the rotary frequencies too
  /// @param confidence γ of the confidence-aware loss
  public DistillationEngine(
      Backend backend,
      ModelFile teacherFile,
      FrozenWeights teacherWeights,
      TrainedWeights weights,
      BatchShape shape,
      LossMix loss,
      double confidence,
      boolean completionOnly,
      Trunk.Activations activations) {
    this.teacherFile = teacherFile;
    this.weights = weights;
    this.completionOnly = completionOnly;
    inputs = new BatchInputs(backend, shape);
    teacher =
        loss.needsTeacher()
            ? new Trunk(
                backend,
                teacherFile.config(),
                teacherFile.family(),
                teacherWeights,
                teacherWeights.ropeFactors(),
                inputs,
                Trunk.Activations.NONE)
            : null;
    student =
        new Trunk(
            backend,
            teacherFile.config(),
            teacherFile.family(),
            weights,
            teacherWeights.ropeFactors(),
            inputs,
            activations);
    head =
        new DistillationHead(
            backend,
            side(weights, student),
            teacher == null ? null : side(teacherWeights, teacher),
            student.outputGradient(),
            loss,
            confidence);
  }

  private DistillationHead.Side side(WeightSource source, Trunk trunk) {
    return new DistillationHead.Side(
        source.weight(ModelFile.OUTPUT_NORM),
        source.weight(teacherFile.headName()),
        teacherFile.config().epsilon(),
        trunk.output());
  }

  /// Computes the mean loss over the targets of some micro-batches and its gradients, which replace
  /// those in the weights.
  public double run(List<PackedBatch> batches) {
    long targets = 0;
    for (PackedBatch batch : batches) {
      targets += batch.targetCount(completionOnly);
    }
    weights.clearGradients();
    double loss = 0;
    for (PackedBatch batch : batches) {
      loss += runMicroBatch(batch, 1f / Math.max(1, targets));
    }
    return loss;
  }

  private double runMicroBatch(PackedBatch batch, float weight) {
    inputs.load(batch.tokens(), batch.positions(), batch.documents());
    int[] targets = batch.targets();
    float[] tokenWeights = new float[targets.length];
    for (int i = 0; i < targets.length; i++) {
      tokenWeights[i] = batch.isTarget(i, completionOnly) ? weight : 0;
    }
    if (teacher != null) {
      teacher.forward();
    }
    student.forward();
    student.outputGradient().clear();
    double loss = head.run(targets, tokenWeights);
    student.backward();
    weights.addEmbeddingGradient(batch.tokens(), student.embeddingGradient());
    return loss;
  }

  /// The bytes of activations and work space.
  public long bytes() {
    return student.bytes() + head.bytes() + (teacher == null ? 0 : teacher.bytes());
  }

  @Override
  public void close() {
    head.close();
    student.close();
    if (teacher != null) {
      teacher.close();
    }
    inputs.close();
  }
}
