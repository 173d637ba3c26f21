package dev.whittle.distillation;

import dev.whittle.data.PackedBatch;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Graph;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import dev.whittle.training.TrainedWeights;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The passes of a step: teacher forward, student forward, loss, student backward.
public final class DistillationEngine implements AutoCloseable {
  private final TrainedWeights weights;
  private final boolean completionOnly;
  private final BatchInputs inputs;
  private final @Nullable TeacherStates teacher;
  private final @Nullable HiddenStateLoss hidden;
  private double hiddenWeight;
  private double hiddenLoss;
  private double totalWeight;
  private final Trunk student;
  private final DistillationHead head;

  /// Builds all graphs.
  ///
  /// @param teacherWeights of `teacherFile`; used for the rotary frequencies too
  /// @param cache what the teacher makes of the documents, full; null to run the teacher
  /// @param loss whatever has a weight here can have another one later ([#use])
  /// @param confidence γ of the confidence-aware loss
  public DistillationEngine(
      Backend backend,
      ModelFile teacherFile,
      FrozenWeights teacherWeights,
      @Nullable TeacherCache cache,
      TrainedWeights weights,
      BatchShape shape,
      LossMix loss,
      double confidence,
      boolean completionOnly,
      Trunk.Activations activations) {
    this(
        backend,
        teacherFile,
        teacherWeights,
        cache,
        weights,
        shape,
        loss,
        confidence,
        completionOnly,
        activations,
        false);
  }

  /// Builds all graphs.
  ///
  /// @param teacherWeights of `teacherFile`; used for the rotary frequencies too
  /// @param cache what the teacher makes of the documents, full; null to run the teacher
  /// @param loss whatever has a weight here can have another one later ([#use])
  /// @param confidence γ of the confidence-aware loss
  /// @param alone whether [#run] is only ever asked for one micro-batch
  public DistillationEngine(
      Backend backend,
      ModelFile teacherFile,
      FrozenWeights teacherWeights,
      @Nullable TeacherCache cache,
      TrainedWeights weights,
      BatchShape shape,
      LossMix loss,
      double confidence,
      boolean completionOnly,
      Trunk.Activations activations,
      boolean alone) {
    this.weights = weights;
    this.completionOnly = completionOnly;
    inputs = new BatchInputs(backend, shape);
    teacher =
        loss.needsTeacher()
            ? TeacherStates.of(
                backend, teacherFile, teacherWeights, inputs, cache, loss.comparesStates())
            : null;
    hidden =
        teacher != null && loss.comparesStates()
            ? new HiddenStateLoss(backend, teacher.layers())
            : null;
    student =
        new Trunk(
            backend,
            teacherFile.config(),
            teacherFile.family(),
            weights,
            teacherWeights.ropeFactors(),
            inputs,
            activations,
            alone,
            hidden,
            null);
    head =
        new DistillationHead(
            backend,
            new DistillationHead.Student(
                weights.weight(ModelFile.OUTPUT_NORM),
                weights.weight(teacherFile.headName()),
                teacherFile.config().epsilon(),
                student.output()),
            teacher == null
                ? null
                : new DistillationHead.Teacher(
                    teacherWeights.weight(teacherFile.headName()), teacher.tensor()),
            student.outputGradient(),
            loss,
            confidence);
    use(loss);
  }

  /// Gives the terms of the loss the weights of another mix, which has none that was not there when
  /// the engine was made.
  void use(LossMix mix) {
    head.use(mix);
    hiddenWeight = mix.weight(Objective.HIDDEN);
    if (hidden != null) {
      hidden.use(hiddenWeight);
    }
  }

  /// How many targets some micro-batches have.
  public long targets(List<PackedBatch> batches) {
    return batches.stream().mapToLong(batch -> batch.targetCount(completionOnly)).sum();
  }

  /// Computes the loss of some micro-batches and its gradients, which replace those in the weights.
  /// Those of all micro-batches of a step, wherever they are computed, add up to the mean over its
  /// targets, each target counted as [LossMix#tokenWeights] says: they are still to be divided by
  /// the sum of [#totalWeight] over the step.
  ///
  /// @param targets of the whole step
  public double run(List<PackedBatch> batches, long targets) {
    weights.clearGradients();
    double loss = 0;
    hiddenLoss = 0;
    totalWeight = 0;
    for (PackedBatch batch : batches) {
      loss += runMicroBatch(batch, 1f / Math.max(1, targets));
    }
    return loss;
  }

  /// Computes the loss of some micro-batches, without that of hidden states and with targets that
  /// all count the same. The gradients in the weights are not worth anything then.
  public double evaluate(List<PackedBatch> batches) {
    float weight = 1f / Math.max(1, targets(batches));
    double loss = 0;
    for (PackedBatch batch : batches) {
      loss += forward(batch, weights(batch, weight)).plain();
    }
    return loss;
  }

  private float[] weights(PackedBatch batch, float weight) {
    float[] tokenWeights = new float[batch.targets().length];
    for (int i = 0; i < tokenWeights.length; i++) {
      tokenWeights[i] = batch.isTarget(i, completionOnly) ? weight : 0;
    }
    return tokenWeights;
  }

  private DistillationHead.Result forward(PackedBatch batch, float[] tokenWeights) {
    inputs.load(batch.tokens(), batch.positions(), batch.documents());
    if (teacher != null) {
      teacher.load(batch);
    }
    student.forward();
    student.outputGradient().clear();
    return head.run(batch.targets(), tokenWeights);
  }

  private double runMicroBatch(PackedBatch batch, float weight) {
    DistillationHead.Result result = forward(batch, weights(batch, weight));
    double loss = result.loss();
    totalWeight += result.totalWeight();
    if (hidden != null) {
      hidden.load(result.weights());
    }
    student.backward();
    if (hidden != null) {
      double value = hidden.value();
      hiddenLoss += value;
      loss += hiddenWeight * value;
    }
    weights.addEmbeddingGradient(batch.tokens(), student.embeddingGradient());
    return loss;
  }

  /// The part of [Objective#HIDDEN] in the last [#run], without its weight.
  public double hiddenLoss() {
    return hiddenLoss;
  }

  /// The weights of all targets of the last [#run] together: its share of the step's targets, if
  /// all count the same.
  double totalWeight() {
    return totalWeight;
  }

  /// The graphs of a step.
  List<Graph> graphs() {
    List<Graph> graphs = new ArrayList<>();
    if (teacher != null) {
      graphs.addAll(teacher.graphs());
    }
    graphs.addAll(student.graphs());
    graphs.addAll(head.graphs());
    return graphs;
  }

  /// The bytes of the student's activations and the work space of its passes.
  long activationBytes() {
    return inputs.bytes() + student.bytes() + (hidden == null ? 0 : hidden.bytes());
  }

  /// The bytes of the head's chunk.
  long headBytes() {
    return head.bytes();
  }

  /// The bytes of the teacher's states and what they are computed with, without its weights.
  long teacherBytes() {
    return teacher == null ? 0 : teacher.bytes();
  }

  @Override
  public void close() {
    head.close();
    student.close();
    if (hidden != null) {
      hidden.close();
    }
    if (teacher != null) {
      teacher.close();
    }
    inputs.close();
  }
}
