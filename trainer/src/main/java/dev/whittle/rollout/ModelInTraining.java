package dev.whittle.rollout;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufFile;
import dev.whittle.inference.ModelLoader;
import dev.whittle.io.TemporaryFolder;
import dev.whittle.training.TrainedModelFile;
import dev.whittle.training.TrainedWeights;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Brings the blocks of a model in training into llama.cpp.
///
/// llama.cpp has no way to replace the weights of a model that is loaded, so the blocks go through
/// a file. That takes a small part of the time that replies do.
public final class ModelInTraining implements AutoCloseable {
  private final GgufFile source;
  private final FileType type;
  private final LlamaModelOptions options;
  private final TemporaryFolder folder = TemporaryFolder.create();
  private final Path file = folder.resolve("model.gguf");

  /// Where the model is loaded, once that is known: its types stay what they are.
  private @Nullable LlamaModelOptions placed;

  /// @param source what the metadata are taken from; must stay open
  /// @param type of the model
  /// @throws IOException if there is no room for temporary files
  public ModelInTraining(GgufFile source, FileType type, LlamaModelOptions options)
      throws IOException {
    this.source = source;
    this.type = type;
    this.options = options;
  }

  /// The model with its present blocks, to be closed before it is loaded anew.
  ///
  /// @throws IOException if the blocks cannot be written
  public LlamaModel load(TrainedWeights weights) throws IOException {
    TrainedModelFile.write(file, true, source, weights, type, "in training");
    if (placed == null) {
      try (GgufFile written = GgufFile.open(file)) {
        placed = ModelLoader.placed(written, options);
      }
    }
    return LlamaModel.load(file, placed);
  }

  @Override
  public void close() {
    folder.close();
  }
}
