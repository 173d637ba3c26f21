package dev.whittle.inference;

import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import java.nio.file.Path;

/// Loads files from anywhere into llama.cpp. Its loader ends the process where an assertion fails,
/// so what it asserts of a file is checked here first.
public final class ModelLoader {
  private ModelLoader() {}

  /// Loads a model.
  ///
  /// @throws GgufException if the file is not sound, or not of a kind that Whittle knows
  /// @throws dev.whittle.ggml.NativeException if llama.cpp cannot load it
  public static LlamaModel load(Path path, LlamaModelOptions options) {
    requireSound(path);
    return LlamaModel.load(path, options);
  }

  /// Checks that llama.cpp can be given a file.
  ///
  /// @throws GgufException if the file is not sound, or not of a kind that Whittle knows
  public static void requireSound(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      NetworkCheck.requireSound(file);
      VocabularyCheck.requireSound(file);
    }
  }
}
