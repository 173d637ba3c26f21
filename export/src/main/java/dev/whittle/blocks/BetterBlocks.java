package dev.whittle.blocks;

import dev.whittle.ggml.BlockCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// Encodes rows with ggml too, and takes each of its blocks that has the smaller error.
final class BetterBlocks {
  /// About how many elements are encoded at a time.
  private static final long PIECE = 1 << 16;

  private final BlockFormat format;
  private final byte[] ours;
  private final byte[] theirs;
  private final byte[] codes;
  private final float[] values;
  private final Scales scales;

  private BetterBlocks(BlockFormat format) {
    this.format = format;
    ours = new byte[format.type().blockBytes()];
    theirs = new byte[format.type().blockBytes()];
    codes = new byte[format.blockSize()];
    values = new float[format.blockSize()];
    scales = new Scales(1, format.subBlocks());
  }

  /// @param src [rows, rowLength]
  /// @param dst their blocks; some are replaced
  /// @param importance [rowLength], or null
  static void keep(
      BlockFormat format,
      MemorySegment src,
      MemorySegment dst,
      long rows,
      long rowLength,
      float @Nullable [] importance) {
    BlockCodec codec = BlockCodec.of(format.type());
    BetterBlocks comparison = new BetterBlocks(format);
    long rowBytes = format.type().rowBytes(rowLength);
    long most = Math.clamp(PIECE / rowLength, 1, Math.max(1, rows));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(most * rowLength * Float.BYTES, Float.BYTES);
      MemorySegment encoded = arena.allocate(most * rowBytes);
      for (long row = 0; row < rows; row += most) {
        long count = Math.min(most, rows - row);
        MemorySegment.copy(
            src, row * rowLength * Float.BYTES, piece, 0, count * rowLength * Float.BYTES);
        codec.encode(piece, encoded, count, rowLength, importance);
        comparison.keep(piece, encoded, dst.asSlice(row * rowBytes), count * rowLength, importance);
      }
    }
  }

  private void keep(
      MemorySegment piece,
      MemorySegment encoded,
      MemorySegment dst,
      long elements,
      float @Nullable [] importance) {
    int size = format.blockSize();
    for (long start = 0; start < elements; start += size) {
      long at = start / size * ours.length;
      MemorySegment.copy(encoded, ValueLayout.JAVA_BYTE, at, theirs, 0, theirs.length);
      MemorySegment.copy(dst, ValueLayout.JAVA_BYTE, at, ours, 0, ours.length);
      MemorySegment.copy(
          piece, ValueLayout.JAVA_FLOAT, start * Float.BYTES, values, 0, values.length);
      int column = importance == null ? 0 : (int) (start % importance.length);
      // Not a number counts as worse.
      if (error(theirs, importance, column) < error(ours, importance, column)) {
        MemorySegment.copy(theirs, 0, dst, ValueLayout.JAVA_BYTE, at, theirs.length);
      }
    }
  }

  private double error(byte[] block, float @Nullable [] importance, int column) {
    format.readScales(block, 0, scales, 0);
    format.readCodes(block, 0, codes);
    int size = format.subBlockSize();
    double error = 0;
    for (int i = 0; i < values.length; i++) {
      float level = format.level(codes[i] & 0xff);
      float decoded = level * scales.scale[i / size] + scales.offset[i / size];
      double difference = (double) values[i] - decoded;
      double weight = importance == null ? 1 : importance[column + i];
      error += weight * difference * difference;
    }
    return error;
  }
}
