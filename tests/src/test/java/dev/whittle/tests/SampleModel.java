package dev.whittle.tests;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/// A GGUF file of a few hundred bytes, sound but no model that could run.
final class SampleModel {
  private SampleModel() {}

  static Path write(Path file) throws IOException {
    GgufMetadata metadata =
        GgufMetadata.builder()
            .put("general.architecture", "qwen3")
            .put("general.name", "A sample\u001b[31m in red")
            .putF32("sample.infinity", Double.POSITIVE_INFINITY)
            .put("sample.long", new int[17])
            .put("sample.short", new int[] {1, 2})
            .build();
    new GgufWriter(metadata)
        .add("blk.0.ffn_up.weight", GgmlType.Q4_0, List.of(64L, 2L), zeros(2 * 2 * 18))
        .add("output_norm.weight", GgmlType.F32, List.of(64L), zeros(64 * 4))
        .write(file, true);
    return file;
  }

  private static TensorData zeros(int bytes) {
    return TensorData.of(MemorySegment.ofArray(new byte[bytes]));
  }
}
