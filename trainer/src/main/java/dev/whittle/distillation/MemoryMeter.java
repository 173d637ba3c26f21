package dev.whittle.distillation;

import dev.whittle.ggml.Backend;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk.Activations;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;

/// Tells what memory a distillation would take on each of its devices: everything is built as it
/// will be, on a backend that only measures.
///
/// @param backend what the run will compute on
/// @param teacherWeights of `teacher`
/// @param types the student's types
/// @param cached whether the teacher's states come from a cache
/// @param workers the run's
/// @param java what Java takes, see [dev.whittle.training.ProcessMemory#javaBytes]
/// @param devices that share a step
public record MemoryMeter(
    Backend backend,
    ModelFile teacher,
    FrozenWeights teacherWeights,
    QuantizationPlan types,
    boolean cached,
    Workers workers,
    long java,
    int devices) {
  /// γ of the confidence-aware loss, which is not known yet: between its ends, where both of its
  /// terms are computed.
  private static final double CONFIDENCE = 0.5;

  /// The memory for micro-batches of a shape.
  public MemoryPlan measure(
      DistillationSettings settings, BatchShape shape, Activations activations) {
    try (Backend measuring = backend.measuring();
        TrainedWeights weights =
            new TrainedWeights(
                measuring,
                teacher,
                tensor -> types.assignment(tensor.name()).orElseThrow().type(),
                tensor -> null,
                settings.weights(),
                workers);
        DistillationEngine engine =
            new DistillationEngine(
                measuring,
                teacher,
                teacherWeights,
                null,
                weights,
                shape,
                settings.widestLoss(),
                CONFIDENCE,
                settings.completionOnly(),
                activations)) {
      MemoryPlan plan = MemoryPlan.of(weights, engine, teacherWeights.residentBytes(), java);
      if (!settings.widestLoss().needsTeacher()) {
        return plan.withTeacher(0);
      }
      return cached
          ? plan.withTeacher(
              teacher.file().require(teacher.headName()).bytes()
                  + CachedStates.bytes(teacher, shape))
          : plan;
    }
  }
}
