package dev.whittle.cli;

import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.DeviceSelection;
import dev.whittle.ggml.FlashAttention;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.inference.ModelLoader;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/// How llama.cpp runs a model, with the names of its own tools.
final class InferenceOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Mixin private ThreadsOption threads;
  @Mixin private DeviceOption device;

  @Option(
      names = {"-ngl", "--n-gpu-layers", "--gpu-layers"},
      paramLabel = "N",
      converter = GpuLayers.class,
      description = "Layers that go to the GPU, if there is one: a number, or all, the default.")
  private @Nullable Integer gpuLayers;

  @Option(
      names = {"-ctk", "--cache-type-k"},
      paramLabel = "TYPE",
      converter = CacheType.class,
      description =
          "Type of the cache of keys: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0 or iq4_nl; f16 by"
              + " default.")
  private GgmlType keyType = GgmlType.F16;

  @Option(
      names = {"-ctv", "--cache-type-v"},
      paramLabel = "TYPE",
      converter = CacheType.class,
      description = "Type of the cache of values, likewise; a quantized one needs flash attention.")
  private GgmlType valueType = GgmlType.F16;

  @Option(
      names = {"-fa", "--flash-attn"},
      paramLabel = "WHEN",
      description =
          "Whether attention is computed in one fused operation: on, off or auto, the default.")
  private FlashAttention flash = FlashAttention.AUTO;

  int threads() {
    return threads.threads();
  }

  /// What was chosen, by the names of the options, for a report.
  Map<String, Object> settings() {
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("device", device.names());
    settings.put("n_gpu_layers", gpuLayers == null ? GpuLayers.ALL : gpuLayers);
    settings.put("cache_type_k", keyType);
    settings.put("cache_type_v", valueType);
    settings.put("flash_attn", flash);
    return settings;
  }

  /// @throws ParameterException if the options contradict each other
  AttentionOptions attention() {
    try {
      return new AttentionOptions(flash, keyType, valueType);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), e.getMessage(), e);
    }
  }

  /// Loads the model that these options are about into llama.cpp.
  ///
  /// @throws ParameterException if the options contradict each other
  /// @throws UnusableException if there is no such device, or the cache does not fit the model
  /// @throws dev.whittle.gguf.GgufException if the file is not sound
  LlamaModel load(Path path, Terminal terminal) {
    AttentionOptions attention = attention();
    DeviceSelection devices = device.select();
    if (gpuLayers != null && gpuLayers != 0 && devices.accelerators().isEmpty()) {
      terminal.say("--n-gpu-layers changes nothing, since no GPU computes");
    }
    LlamaModelOptions options = modelOptions();
    LlamaModel model = ModelLoader.load(path, options);
    if (options.isOffloading() && !model.isOffloaded()) {
      terminal.say(
          "the CPU runs %s, since the GPU cannot multiply with its type of weights"
              .formatted(path));
    }
    try {
      model.requireCacheFits(attention);
      return model;
    } catch (IllegalArgumentException e) {
      model.close();
      throw new UnusableException(e.getMessage(), e);
    }
  }

  /// The devices that share the steps of a training.
  ///
  /// @throws UnusableException if there is no such device, or they cannot train together
  List<Device> trainingDevices() {
    return device.replicas();
  }

  /// Where the layers go.
  ///
  /// @throws UnusableException if there is no such device
  LlamaModelOptions modelOptions() {
    LlamaModelOptions options = LlamaModelOptions.defaults().withDevices(device.select());
    return gpuLayers == null ? options : options.withGpuLayers(gpuLayers);
  }

  /// Reads a number of layers, or what llama.cpp's tools take instead of one.
  private static final class GpuLayers implements ITypeConverter<Integer> {
    private static final int ALL = -1;

    @Override
    public Integer convert(String value) {
      if (value.equalsIgnoreCase("all") || value.equalsIgnoreCase("auto")) {
        return ALL;
      }
      try {
        int layers = Integer.parseInt(value);
        if (layers >= ALL) {
          return layers;
        }
      } catch (NumberFormatException _) {
        // The sentence below says what is wanted.
      }
      throw new TypeConversionException("'" + value + "' is not a number of layers, nor 'all'");
    }
  }

  private static final class CacheType implements ITypeConverter<GgmlType> {
    @Override
    public GgmlType convert(String value) {
      return GgmlType.ofName(value)
          .filter(AttentionOptions.CACHE_TYPES::contains)
          .orElseThrow(() ->
              new TypeConversionException(
                  "the cache cannot hold '"
                      + value
                      + "'; choose one of "
                      + AttentionOptions.CACHE_TYPES.stream()
                          .map(type -> type.name().toLowerCase(Locale.ROOT))
                          .collect(Collectors.joining(", "))));
    }
  }
}
