package dev.whittle.cli;

import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.inference.ModelLoader;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// The model that a command runs: `-m`.
final class ModelOption {
  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "MODEL",
      description = "The model, a GGUF file.")
  private Path path;

  Path path() {
    return path;
  }

  /// Checks the file, before a library loads it that does not.
  ///
  /// @throws dev.whittle.gguf.GgufException if the file is not sound
  void requireSound() {
    ModelLoader.requireSound(path);
  }

  /// Loads a model into llama.cpp.
  ///
  /// @throws dev.whittle.gguf.GgufException if the file is not sound
  static LlamaModel load(Path path) {
    return ModelLoader.load(path, LlamaModelOptions.defaults());
  }
}
