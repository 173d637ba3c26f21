package dev.whittle.inference;

import dev.whittle.ggml.Device;
import dev.whittle.ggml.DeviceSelection;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/// Loads files from anywhere into llama.cpp. Its loader ends the process where an assertion fails,
/// so what it asserts of a file is checked here first.
public final class ModelLoader {
  private ModelLoader() {}

  /// Loads a model, where it is [#placed].
  ///
  /// @throws GgufException if the file is not sound, or not of a kind that Whittle knows
  /// @throws dev.whittle.ggml.NativeException if llama.cpp cannot load it
  public static LlamaModel load(Path path, LlamaModelOptions options) {
    LlamaModelOptions placed;
    try (GgufFile file = GgufFile.open(path)) {
      requireSound(file);
      placed = placed(file, options);
    }
    return LlamaModel.load(path, placed);
  }

  /// The options with which a file is loaded: on the CPU alone where no device is named and the GPU
  /// cannot multiply with most of the weights, as CUDA cannot with ternary ones. llama.cpp would
  /// leave the products to the CPU and everything between them to the GPU, and pass the results
  /// there and back.
  public static LlamaModelOptions placed(GgufFile file, LlamaModelOptions options) {
    if (options.devices() != null || options.vocabularyOnly() || !options.isOffloading()) {
      return options;
    }
    Map<GgmlType, Long> weights = new EnumMap<>(GgmlType.class);
    for (TensorInfo tensor : file.tensors()) {
      if (tensor.shape().size() > 1) {
        weights.merge(tensor.type(), tensor.elements(), Long::sum);
      }
    }
    List<Device> gpus = DeviceSelection.automatic().accelerators();
    return isMostly(weights, type -> gpus.stream().allMatch(gpu -> gpu.multiplies(type)))
        ? options
        : options.withDevices(DeviceSelection.cpu());
  }

  /// Whether at least half of the weights are of types that `which` accepts.
  static boolean isMostly(Map<GgmlType, Long> weights, Predicate<GgmlType> which) {
    long balance = 0;
    for (Map.Entry<GgmlType, Long> entry : weights.entrySet()) {
      balance += which.test(entry.getKey()) ? entry.getValue() : -entry.getValue();
    }
    return balance >= 0;
  }

  /// Checks that llama.cpp can be given a file.
  ///
  /// @throws GgufException if the file is not sound, or not of a kind that Whittle knows
  public static void requireSound(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      requireSound(file);
    }
  }

  private static void requireSound(GgufFile file) {
    NetworkCheck.requireSound(file);
    VocabularyCheck.requireSound(file);
  }
}
