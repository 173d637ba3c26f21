package dev.whittle.ggml;

/// How a model file is loaded (`llama_model_params`).
///
/// @param gpuLayers how many layers go to a GPU, where there is one; −1 for all of them
/// @param memoryMap whether the weights are mapped from the file; otherwise they are read into
///   memory, so that the file may be replaced while the model is open
/// @param extraBuffers whether weights may be repacked for faster kernels of the CPU at hand; the
///   results differ in the last bits from those of the plain kernels
/// @param vocabularyOnly whether only vocabulary and metadata are loaded: enough to tokenize, not
///   to compute
public record LlamaModelOptions(
    int gpuLayers, boolean memoryMap, boolean extraBuffers, boolean vocabularyOnly) {

  public LlamaModelOptions {
    if (gpuLayers < -1) {
      throw new IllegalArgumentException(
          "gpuLayers is " + gpuLayers + "; name a number of layers, or -1 for all of them");
    }
  }

  /// The library's own defaults: everything on the GPU, mapped, repacked where that is faster.
  public static LlamaModelOptions defaults() {
    return new LlamaModelOptions(-1, true, true, false);
  }

  /// To tokenize with the model's vocabulary, without its weights.
  public static LlamaModelOptions vocabulary() {
    return new LlamaModelOptions(0, true, false, true);
  }

  public LlamaModelOptions withGpuLayers(int layers) {
    return new LlamaModelOptions(layers, memoryMap, extraBuffers, vocabularyOnly);
  }

  public LlamaModelOptions withMemoryMap(boolean map) {
    return new LlamaModelOptions(gpuLayers, map, extraBuffers, vocabularyOnly);
  }

  public LlamaModelOptions withExtraBuffers(boolean extra) {
    return new LlamaModelOptions(gpuLayers, memoryMap, extra, vocabularyOnly);
  }
}
