package dev.whittle.cli;

import dev.whittle.benchmark.SyntheticModel;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import dev.whittle.io.TemporaryFolder;
import dev.whittle.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The models that are measured: one that was named, one of random weights whose shape was given,
/// or else the bundled one, and for training one of random weights too. What is made is deleted in
/// the end.
final class BenchModels implements AutoCloseable {
  private final @Nullable Path named;
  private final ModelConfig shape;
  private final boolean shaped;
  private @Nullable TemporaryFolder folder;

  /// @param named the model to measure, if there is one
  /// @param shaped whether a model of this shape was asked for
  BenchModels(@Nullable Path named, ModelConfig shape, boolean shaped) {
    this.named = named;
    this.shape = shape;
    this.shaped = shaped;
  }

  /// The models to train.
  List<Path> trained() throws IOException {
    return named == null && !shaped ? List.of(bundled(), synthetic()) : List.of(run());
  }

  /// The model to run.
  Path run() throws IOException {
    if (named != null) {
      return named;
    }
    return shaped ? synthetic() : bundled();
  }

  private Path bundled() throws IOException {
    Path file = folder().resolve("reasoner-5m.gguf");
    if (!Files.exists(file)) {
      try (HuggingFaceCheckpoint checkpoint =
          HuggingFaceCheckpoint.open(Bundle.folder().resolve("reasoner-5m"))) {
        checkpoint.writeGguf(file, checkpoint.storedType(), true);
      }
    }
    return file;
  }

  private Path synthetic() throws IOException {
    Path file =
        folder()
            .resolve(
                "qwen3-w%d-l%d-v%d.gguf"
                    .formatted(shape.width(), shape.layers(), shape.vocabulary()));
    if (!Files.exists(file)) {
      SyntheticModel.write(file, shape, 1);
    }
    return file;
  }

  /// A file that is deleted with the models.
  Path scratch(String name) throws IOException {
    return folder().resolve(name);
  }

  private TemporaryFolder folder() throws IOException {
    if (folder == null) {
      folder = TemporaryFolder.create();
    }
    return folder;
  }

  @Override
  public void close() {
    if (folder != null) {
      folder.close();
    }
  }
}
