package dev.whittle.training;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/// A model with what its blocks decode to, as bfloat16, in their place: what the trainer's decoded
/// forward pass multiplies with.
public final class DecodedModelFile {
  private DecodedModelFile() {}

  /// Writes the model; tensors that are not quantized stay as they are.
  ///
  /// @throws IOException if it cannot be written
  public static void write(Path target, GgufFile source) throws IOException {
    GgufMetadata metadata =
        source.metadata().toBuilder().putU32("general.file_type", FileType.BF16.id()).build();
    GgufWriter writer = new GgufWriter(metadata);
    for (TensorInfo tensor : source.tensors()) {
      boolean quantized = tensor.type().isQuantized();
      writer.add(
          tensor.name(),
          quantized ? GgmlType.BF16 : tensor.type(),
          tensor.shape(),
          quantized ? decoded(source, tensor) : TensorData.of(source.data(tensor)));
    }
    writer.write(target, true);
  }

  private static TensorData decoded(GgufFile source, TensorInfo tensor) {
    return channel -> {
      try (Arena arena = Arena.ofConfined()) {
        long elements = tensor.rows() * tensor.rowLength();
        MemorySegment values = arena.allocate(elements * Float.BYTES, Float.BYTES);
        BlockCodec.of(tensor.type()).decode(source.data(tensor), values, elements);
        MemorySegment rounded =
            arena.allocate(tensor.rows() * GgmlType.BF16.rowBytes(tensor.rowLength()));
        BlockCodec.of(GgmlType.BF16)
            .encode(values, rounded, tensor.rows(), tensor.rowLength(), null);
        TensorData.of(rounded).writeTo(channel);
      }
    };
  }
}
