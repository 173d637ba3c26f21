package dev.whittle.distillation;

import dev.whittle.data.Dataset;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.model.Trunk;
import dev.whittle.quantization.TypeSelection;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A distillation from files to a file.
///
/// @param teacher the full-precision model
/// @param data training text, of all together
/// @param output the GGUF file to write
/// @param types which tensor becomes which type
/// @param start where the student begins
/// @param importance an importance matrix; null to collect one from the data where `start` wants
///   one
/// @param settings what decides the numbers
/// @param teacherCache a file for what the teacher makes of the data, which is made if it does not
///   exist; null to run the teacher in each step
/// @param devices where the passes and the optimizer run; several share each step
/// @param threads for all computing on the CPU
/// @param activations what to keep for the backward pass; null to decide by the memory there is
/// @param runDirectory where metrics and checkpoints go; null for nowhere
/// @param evaluation how the best step is found; null to ship the last one
/// @param inference how llama.cpp runs the teacher, to collect importance, and the student between
///   steps
/// @param checkpointSteps steps between checkpoints
/// @param resume whether to go on with the run in `runDirectory`
/// @param overwrite whether `output`, and an earlier run in `runDirectory`, may be replaced
public record DistillationRequest(
    Path teacher,
    List<Dataset> data,
    Path output,
    TypeSelection types,
    Start start,
    @Nullable Path importance,
    DistillationSettings settings,
    @Nullable Path teacherCache,
    List<Device> devices,
    int threads,
    Trunk.@Nullable Activations activations,
    @Nullable Path runDirectory,
    @Nullable EvaluationSettings evaluation,
    Inference inference,
    int checkpointSteps,
    boolean resume,
    boolean overwrite) {

  /// A request that trains on all documents and ships the last step.
  public DistillationRequest(
      Path teacher,
      List<Dataset> data,
      Path output,
      TypeSelection types,
      Start start,
      @Nullable Path importance,
      DistillationSettings settings,
      @Nullable Path teacherCache,
      List<Device> devices,
      int threads,
      Trunk.@Nullable Activations activations,
      @Nullable Path runDirectory,
      int checkpointSteps,
      boolean resume,
      boolean overwrite) {
    this(
        teacher,
        data,
        output,
        types,
        start,
        importance,
        settings,
        teacherCache,
        devices,
        threads,
        activations,
        runDirectory,
        null,
        new Inference(LlamaModelOptions.defaults(), 0, threads),
        checkpointSteps,
        resume,
        overwrite);
  }

  public DistillationRequest {
    data = List.copyOf(data);
    devices = List.copyOf(devices);
    if (data.isEmpty()) {
      throw new IllegalArgumentException("training needs data");
    }
    if (devices.isEmpty()) {
      throw new IllegalArgumentException("training needs a device");
    }
    if (resume && runDirectory == null) {
      throw new IllegalArgumentException("to resume a run, name its run directory");
    }
    if (checkpointSteps < 1) {
      throw new IllegalArgumentException("a checkpoint needs at least one step");
    }
    if (teacherCache != null && !settings.loss().needsTeacher()) {
      throw new IllegalArgumentException(
          "the loss " + settings.loss() + " has no teacher to cache");
    }
    if (teacherCache != null && settings.loss().comparesStates()) {
      throw new IllegalArgumentException(
          "the loss "
              + settings.loss()
              + " needs the teacher's states behind every layer, which no teacher cache has");
    }
    if (teacherCache != null && settings.onPolicy() != null) {
      throw new IllegalArgumentException(
          "the student's own replies are in no teacher cache: the teacher reads them as they come");
    }
    if (activations != null && !activations.differentiates()) {
      throw new IllegalArgumentException("training needs a backward pass");
    }
  }
}
