package dev.whittle.reinforcement;

import dev.whittle.data.Dataset;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.model.Trunk;
import dev.whittle.quantization.TypeSelection;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// What a [GrpoJob] is to do.
///
/// @param model the start, a GGUF file
/// @param masters a checkpoint, or a run directory with one, that `model` was written from; the
///   masters then begin as they are there, and not with what the blocks decode to. Null for none
/// @param data questions with answers
/// @param output the model to write
/// @param types of the tensors; null for those of `model`
/// @param reference the model that the policy is held to; null for the start itself
/// @param importance an importance matrix for encoding; null for that of the run directory in
///   `masters`, if it has one
/// @param settings what decides the numbers
/// @param rollouts how replies are generated: parallelism, threads and attention
/// @param rolloutModel where llama.cpp's layers go
/// @param device what computes the updates
/// @param threads on the CPU
/// @param activations what is kept for the backward pass; null to choose by the memory there is
/// @param runDirectory where metrics and checkpoints go; null for nowhere
/// @param checkpointSteps steps between checkpoints
/// @param resume whether to go on with the run in `runDirectory`
/// @param overwrite whether `output` may be replaced, and an earlier run be deleted
public record GrpoRequest(
    Path model,
    @Nullable Path masters,
    Dataset data,
    Path output,
    @Nullable TypeSelection types,
    @Nullable Path reference,
    @Nullable Path importance,
    GrpoSettings settings,
    GenerationOptions rollouts,
    LlamaModelOptions rolloutModel,
    Device device,
    int threads,
    Trunk.@Nullable Activations activations,
    @Nullable Path runDirectory,
    int checkpointSteps,
    boolean resume,
    boolean overwrite) {
  public GrpoRequest {
    if (checkpointSteps < 1 || threads < 1) {
      throw new IllegalArgumentException(
          "%d steps between checkpoints, %d threads: each must be 1 or more"
              .formatted(checkpointSteps, threads));
    }
    if (resume && runDirectory == null) {
      throw new IllegalArgumentException("to go on with a run takes its run directory");
    }
  }
}
