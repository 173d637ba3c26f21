package dev.whittle.cli.report;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// How far a file's weights are from those of another one, tensor by tensor.
///
/// @param byTensor ‖W − Ŵ‖ / ‖W‖ of each matrix, in the file's order
record TensorErrors(Map<String, Double> byTensor) {
  /// Elements that are decoded at a time, a whole number of the largest blocks.
  private static final long PIECE = 1 << 16;

  /// Compares two files of the same model.
  ///
  /// @throws dev.whittle.gguf.GgufException if a file is damaged
  static TensorErrors of(Path original, Path quantized) {
    Map<String, Double> errors = new LinkedHashMap<>();
    try (GgufFile reference = GgufFile.open(original);
        GgufFile file = GgufFile.open(quantized);
        Arena arena = Arena.ofConfined()) {
      MemorySegment expected = arena.allocate(PIECE * Float.BYTES, Float.BYTES);
      MemorySegment actual = arena.allocate(PIECE * Float.BYTES, Float.BYTES);
      for (TensorInfo tensor : file.tensors()) {
        Optional<TensorInfo> same =
            reference.tensor(tensor.name()).filter(t -> t.shape().equals(tensor.shape()));
        if (same.isPresent() && tensor.rows() > 1) {
          errors.put(tensor.name(), error(reference, same.get(), file, tensor, expected, actual));
          reference.release(same.get());
          file.release(tensor);
        }
      }
    }
    return new TensorErrors(errors);
  }

  private static double error(
      GgufFile reference,
      TensorInfo original,
      GgufFile file,
      TensorInfo tensor,
      MemorySegment expected,
      MemorySegment actual) {
    double difference = 0;
    double size = 0;
    for (long at = 0; at < tensor.elements(); at += PIECE) {
      long count = Math.min(PIECE, tensor.elements() - at);
      decode(reference, original, at, count, expected);
      decode(file, tensor, at, count, actual);
      for (long i = 0; i < count; i++) {
        double weight = expected.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        double delta = weight - actual.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        difference += delta * delta;
        size += weight * weight;
      }
    }
    return size == 0 ? 0 : Math.sqrt(difference / size);
  }

  private static void decode(
      GgufFile file, TensorInfo tensor, long at, long count, MemorySegment target) {
    long start = tensor.type().rowBytes(at);
    BlockCodec.of(tensor.type()).decode(file.data(tensor).asSlice(start), target, count);
  }
}
