package dev.whittle.distillation;

import dev.whittle.model.Trunk;
import dev.whittle.quantization.TypeSelection;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// A distillation from files to a file.
///
/// @param teacher the full-precision model
/// @param data training text, JSONL
/// @param output the GGUF file to write
/// @param types which tensor becomes which type
/// @param start where the student begins
/// @param importance an importance matrix; null to collect one from the data where `start` wants
///   one
/// @param settings what decides the numbers
/// @param threads for all computing
/// @param activations what to keep for the backward pass; null to decide by the memory there is
/// @param runDirectory where metrics and checkpoints go; null for nowhere
/// @param checkpointSteps steps between checkpoints
/// @param resume whether to go on with the run in `runDirectory`
/// @param overwrite whether `output`, and an earlier run in `runDirectory`, may be replaced
public record DistillationRequest(
    Path teacher,
    Path data,
    Path output,
    TypeSelection types,
    Start start,
    @Nullable Path importance,
    DistillationSettings settings,
    int threads,
    Trunk.@Nullable Activations activations,
    @Nullable Path runDirectory,
    int checkpointSteps,
    boolean resume,
    boolean overwrite) {

  public DistillationRequest {
    if (resume && runDirectory == null) {
      throw new IllegalArgumentException("to resume a run, name its run directory");
    }
    if (checkpointSteps < 1) {
      throw new IllegalArgumentException("a checkpoint needs at least one step");
    }
    if (activations == Trunk.Activations.NONE) {
      throw new IllegalArgumentException("training needs a backward pass");
    }
  }
}
