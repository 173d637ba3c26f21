package dev.whittle.blocks;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Encoding and decoding arrays.
final class Blocks {
  private Blocks() {}

  static Stream<BlockFormat> formats() {
    return Arrays.stream(GgmlType.values()).flatMap(type -> BlockFormat.of(type).stream());
  }

  static byte[] encode(
      BlockEncoder encoder, float[] values, int rowLength, float @Nullable [] importance) {
    try (Arena arena = Arena.ofConfined()) {
      int rows = values.length / rowLength;
      MemorySegment dst = arena.allocate(rows * encoder.type().rowBytes(rowLength));
      MemorySegment src = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
      encoder.encode(src, dst, rows, rowLength, importance);
      return dst.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /// What ggml makes of blocks.
  static float[] decode(GgmlType type, byte[] blocks) {
    try (Arena arena = Arena.ofConfined()) {
      int elements = blocks.length / type.blockBytes() * type.blockSize();
      MemorySegment dst = arena.allocate((long) elements * Float.BYTES, Float.BYTES);
      MemorySegment src = arena.allocateFrom(ValueLayout.JAVA_BYTE, blocks);
      BlockCodec.of(type).decode(src, dst, elements);
      return dst.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  /// The weighted squared error of some elements.
  static double error(
      float[] values, float[] decoded, float @Nullable [] importance, int start, int count) {
    double error = 0;
    for (int i = start; i < start + count; i++) {
      double difference = (double) values[i] - decoded[i];
      error += Columns.weight(importance, i) * difference * difference;
    }
    return error;
  }
}
