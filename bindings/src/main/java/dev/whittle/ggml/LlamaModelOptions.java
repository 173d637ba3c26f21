package dev.whittle.ggml;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// How a model file is loaded (`llama_model_params`).
///
/// @param gpuLayers how many layers go to a GPU, where there is one; −1 for all of them
/// @param devices the devices that layers may go to, none of them the CPU; empty for the CPU alone,
///   null for what llama.cpp takes by itself, which is all GPUs
/// @param memoryMap whether the weights are mapped from the file; otherwise they are read into
///   memory, so that the file may be replaced while the model is open
/// @param extraBuffers whether weights may be repacked for faster kernels of the CPU at hand; the
///   results differ in the last bits from those of the plain kernels
/// @param vocabularyOnly whether only vocabulary and metadata are loaded: enough to tokenize, not
///   to compute
public record LlamaModelOptions(
    int gpuLayers,
    @Nullable List<Device> devices,
    boolean memoryMap,
    boolean extraBuffers,
    boolean vocabularyOnly) {

  public LlamaModelOptions {
    if (gpuLayers < -1) {
      throw new IllegalArgumentException(
          "gpuLayers is " + gpuLayers + "; name a number of layers, or -1 for all of them");
    }
    devices = devices == null ? null : List.copyOf(devices);
  }

  /// The library's own defaults: everything on the GPU, mapped, repacked where that is faster.
  public static LlamaModelOptions defaults() {
    return new LlamaModelOptions(-1, null, true, true, false);
  }

  /// To tokenize with the model's vocabulary, without its weights.
  public static LlamaModelOptions vocabulary() {
    return new LlamaModelOptions(0, List.of(), true, false, true);
  }

  /// Whether layers go to another device than the CPU.
  public boolean isOffloading() {
    boolean anyDevice =
        devices == null
            ? NativeRuntime.load().devices().stream()
                .anyMatch(device -> device.kind() == Device.Kind.GPU)
            : !devices.isEmpty();
    return anyDevice && gpuLayers != 0;
  }

  public LlamaModelOptions withGpuLayers(int layers) {
    return new LlamaModelOptions(layers, devices, memoryMap, extraBuffers, vocabularyOnly);
  }

  /// On these devices, or on the CPU alone where none is selected.
  public LlamaModelOptions withDevices(DeviceSelection selection) {
    return new LlamaModelOptions(
        gpuLayers,
        selection.isAutomatic() ? null : selection.accelerators(),
        memoryMap,
        extraBuffers,
        vocabularyOnly);
  }

  public LlamaModelOptions withExtraBuffers(boolean extra) {
    return new LlamaModelOptions(gpuLayers, devices, memoryMap, extra, vocabularyOnly);
  }
}
