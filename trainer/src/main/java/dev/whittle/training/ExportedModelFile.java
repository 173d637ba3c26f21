package dev.whittle.training;

import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A trained file as it is shipped: the same tensors, byte for byte, with more on where they come
/// from.
public final class ExportedModelFile {
  /// The whole story: the settings of every stage and the digests of what went in, as YAML.
  static final String RECIPE = "whittle.recipe";

  private ExportedModelFile() {}

  /// How the file came about, in one line, as training wrote it.
  public static String origin(GgufFile trained) {
    return trained.metadata().string(TrainedModelFile.ORIGIN).orElse("");
  }

  /// Writes the file.
  ///
  /// @param trained the file that training wrote
  /// @param origins lines on how it came about, the one that says most first: the first counts with
  ///   which the file is no larger than the trained one, whose own line stays if there is none
  /// @param recipe the whole story, for which the file may grow; null to leave it out
  /// @return the line that counts
  /// @throws dev.whittle.gguf.GgufException if the file's tensors are not what was trained
  /// @throws IOException if it cannot be written; the target is then as it was
  public static String write(
      GgufFile trained,
      Path target,
      boolean overwrite,
      List<String> origins,
      @Nullable String recipe)
      throws IOException {
    TrainedModelFile.requireIntact(trained);
    String origin =
        origins.stream()
            .filter(line -> writer(trained, line, null).fileBytes() <= trained.fileBytes())
            .findFirst()
            .orElse(origin(trained));
    writer(trained, origin, recipe).write(target, overwrite);
    return origin;
  }

  private static GgufWriter writer(GgufFile trained, String origin, @Nullable String recipe) {
    GgufMetadata.Builder metadata =
        trained.metadata().toBuilder().put(TrainedModelFile.ORIGIN, origin);
    if (recipe != null) {
      metadata.put(RECIPE, recipe);
    }
    GgufWriter writer = new GgufWriter(metadata.build());
    for (TensorInfo tensor : trained.tensors()) {
      writer.add(tensor.name(), tensor.type(), tensor.shape(), TensorData.of(trained.data(tensor)));
    }
    return writer;
  }
}
