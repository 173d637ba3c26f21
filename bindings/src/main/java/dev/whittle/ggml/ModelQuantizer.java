package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.llama_model_imatrix_data;
import dev.whittle.ffi.llama_model_quantize_params;
import dev.whittle.ffi.llama_model_tensor_override;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;

/// llama.cpp's own quantizer of whole files (`llama_model_quantize`), the reference that Whittle's
/// quantizers are held against.
///
/// @param type the mix that decides each tensor's type
/// @param pure whether every tensor takes the mix's main type, instead of the mix
/// @param allowRequantize whether a source that is quantized already is taken, at a loss
/// @param threads that quantize
/// @param tensorTypes types for the tensors whose names hold a match of the regular expression
///   (ECMAScript syntax); the first that matches counts
/// @param importance by a tensor's name, the mean squared activation of each of its input columns
///   [experts × columns]
public record ModelQuantizer(
    FileType type,
    boolean pure,
    boolean allowRequantize,
    int threads,
    SequencedMap<String, GgmlType> tensorTypes,
    Map<String, float[]> importance) {

  public ModelQuantizer {
    if (threads < 1) {
      throw new IllegalArgumentException(threads + " threads; 1 or more needed");
    }
  }

  /// The mix as it is, on all processors, without an importance matrix.
  public static ModelQuantizer of(FileType type) {
    return new ModelQuantizer(
        type,
        false,
        false,
        Runtime.getRuntime().availableProcessors(),
        new LinkedHashMap<>(),
        Map.of());
  }

  public ModelQuantizer withPure(boolean isPure) {
    return new ModelQuantizer(type, isPure, allowRequantize, threads, tensorTypes, importance);
  }

  public ModelQuantizer withRequantize(boolean allowed) {
    return new ModelQuantizer(type, pure, allowed, threads, tensorTypes, importance);
  }

  public ModelQuantizer withThreads(int count) {
    return new ModelQuantizer(type, pure, allowRequantize, count, tensorTypes, importance);
  }

  public ModelQuantizer withTensorTypes(SequencedMap<String, GgmlType> types) {
    return new ModelQuantizer(type, pure, allowRequantize, threads, types, importance);
  }

  public ModelQuantizer withImportance(Map<String, float[]> matrix) {
    return new ModelQuantizer(type, pure, allowRequantize, threads, tensorTypes, matrix);
  }

  /// Writes the quantized model, over any file of that name.
  ///
  /// @throws NativeException if llama.cpp refuses, with the reasons that it logged; then there is
  ///   no file of that name
  public void quantize(Path source, Path destination) {
    if (!Files.isRegularFile(source)) {
      throw new NativeException(source + " does not exist; name a GGUF file");
    }
    requireOtherFile(source, destination);
    NativeRuntime runtime = NativeRuntime.load();
    runtime.takeErrors();
    runtime.about("quantizing " + source + " to " + type);
    int status;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = Llama.llama_model_quantize_default_params(arena);
      llama_model_quantize_params.nthread(params, threads);
      llama_model_quantize_params.ftype(params, type.id());
      llama_model_quantize_params.pure(params, pure);
      llama_model_quantize_params.allow_requantize(params, allowRequantize);
      if (!tensorTypes.isEmpty()) {
        llama_model_quantize_params.tt_overrides(params, tensorTypeList(arena));
      }
      if (!importance.isEmpty()) {
        llama_model_quantize_params.imatrix(params, importanceList(arena));
      }
      status =
          Llama.llama_model_quantize(
              NativeText.allocate(arena, source.toString(), "the source's path"),
              NativeText.allocate(arena, destination.toString(), "the destination's path"),
              params);
    }
    if (status != 0) {
      deletePartial(destination);
      throw new NativeException(
          "llama.cpp cannot quantize " + source + " to " + type + ": " + runtime.takeErrors());
    }
  }

  /// The source is mapped while the destination is written: the same file would be cut off under
  /// the map, which ends the process.
  private static void requireOtherFile(Path source, Path destination) {
    try {
      if (Files.exists(destination) && Files.isSameFile(source, destination)) {
        throw new IllegalArgumentException(
            source + " cannot be quantized onto itself; name another file to write");
      }
    } catch (IOException e) {
      throw new NativeException(destination + " cannot be written: " + e.getMessage(), e);
    }
  }

  private static void deletePartial(Path destination) {
    try {
      if (Files.isRegularFile(destination)) {
        Files.delete(destination);
      }
    } catch (IOException e) {
      throw new NativeException(
          "a part of the model is left in " + destination + ": " + e.getMessage(), e);
    }
  }

  /// Ends with an entry of NULL, which is what a fresh one is.
  private MemorySegment tensorTypeList(Arena arena) {
    MemorySegment list = llama_model_tensor_override.allocateArray(tensorTypes.size() + 1L, arena);
    int i = 0;
    for (Map.Entry<String, GgmlType> entry : tensorTypes.entrySet()) {
      MemorySegment element = llama_model_tensor_override.asSlice(list, i++);
      llama_model_tensor_override.pattern(
          element, NativeText.allocate(arena, entry.getKey(), "a tensor's pattern"));
      llama_model_tensor_override.type(element, entry.getValue().id());
    }
    return list;
  }

  private MemorySegment importanceList(Arena arena) {
    MemorySegment list = llama_model_imatrix_data.allocateArray(importance.size() + 1L, arena);
    int i = 0;
    for (Map.Entry<String, float[]> entry : importance.entrySet()) {
      MemorySegment element = llama_model_imatrix_data.asSlice(list, i++);
      llama_model_imatrix_data.name(
          element, NativeText.allocate(arena, entry.getKey(), "a tensor's name"));
      llama_model_imatrix_data.data(
          element, arena.allocateFrom(ValueLayout.JAVA_FLOAT, entry.getValue()));
      llama_model_imatrix_data.size(element, entry.getValue().length);
    }
    return list;
  }
}
