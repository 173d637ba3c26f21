package dev.whittle.cli;

import dev.whittle.benchmark.SyntheticModel;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The models that are measured: the one that was named, or else the bundled one and one of random
/// weights, in files that are deleted in the end.
final class BenchModels implements AutoCloseable {
  /// Of the 28 layers of Qwen3-0.6B, and of its vocabulary of 151,936: enough for the speed of a
  /// layer.
  private static final int LAYERS = 4;

  private static final int VOCABULARY = 4096;

  private final @Nullable Path named;
  private @Nullable Path folder;

  BenchModels(@Nullable Path named) {
    this.named = named;
  }

  /// A model with a tokenizer.
  Path real() throws IOException {
    if (named != null) {
      return named;
    }
    Path file = folder().resolve("reasoner-5m.gguf");
    if (!Files.exists(file)) {
      try (HuggingFaceCheckpoint checkpoint =
          HuggingFaceCheckpoint.open(Bundle.folder().resolve("reasoner-5m"))) {
        checkpoint.writeGguf(file, checkpoint.storedType(), true);
      }
    }
    return file;
  }

  /// Whether there is a model of random weights to be measured too.
  boolean hasSynthetic() {
    return named == null;
  }

  /// Layers of a common shape, with random weights and without a tokenizer.
  Path synthetic() throws IOException {
    Path file = folder().resolve("qwen3-0.6b-%d-layers.gguf".formatted(LAYERS));
    SyntheticModel.write(file, SyntheticModel.qwen3Small(LAYERS, VOCABULARY), 1);
    return file;
  }

  private Path folder() throws IOException {
    if (folder == null) {
      folder = Files.createTempDirectory("whittle-bench");
    }
    return folder;
  }

  @Override
  public void close() throws IOException {
    if (folder != null) {
      try (var files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(folder);
    }
  }
}
