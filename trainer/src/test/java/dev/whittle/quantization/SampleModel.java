package dev.whittle.quantization;

import dev.whittle.ggml.GgmlType;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import java.io.IOException;
import java.nio.file.Path;

/// The bundled model.
final class SampleModel {
  private SampleModel() {}

  /// Writes it as BF16.
  static Path importTo(Path folder) throws IOException {
    Path checkpoint = Path.of(System.getProperty("whittle.home"), "demo", "reasoner-5m");
    Path file = folder.resolve("reasoner-5m.gguf");
    try (HuggingFaceCheckpoint model = HuggingFaceCheckpoint.open(checkpoint)) {
      model.writeGguf(file, GgmlType.BF16, false);
    }
    return file;
  }
}
