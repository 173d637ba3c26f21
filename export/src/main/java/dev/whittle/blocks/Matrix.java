package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Rows of values in native memory, and the blocks that they become.
///
/// @param values float32, [rows, rowLength]
/// @param encoded their blocks, row by row
record Matrix(
    BlockFormat format,
    @Nullable MemorySegment values,
    MemorySegment encoded,
    long rows,
    int rowLength) {
  /// @throws IllegalArgumentException if a size does not fit
  static Matrix of(
      BlockFormat format,
      @Nullable MemorySegment values,
      MemorySegment encoded,
      long rows,
      long rowLength) {
    if (rows < 0 || rowLength < 1) {
      throw new IllegalArgumentException(rows + " rows of " + rowLength + " values are no matrix");
    }
    GgmlType type = format.type();
    long encodedBytes = Math.multiplyExact(rows, type.rowBytes(rowLength));
    if (values != null) {
      require(values, Math.multiplyExact(rows, rowLength * Float.BYTES), "the float32 rows");
    }
    require(encoded, encodedBytes, "the encoded rows");
    return new Matrix(format, values, encoded, rows, Math.toIntExact(rowLength));
  }

  private static void require(MemorySegment segment, long bytes, String what) {
    if (segment.byteSize() < bytes) {
      throw new IllegalArgumentException(
          what + " need " + bytes + " bytes, but the segment has " + segment.byteSize());
    }
  }

  long blocks() {
    return rows * (rowLength / format.blockSize());
  }

  /// Fills a tile.
  ///
  /// @param weights [rowLength], or null for equal weights
  /// @throws IllegalArgumentException if a value is not finite, or too large
  void load(Tile tile, long firstBlock, float @Nullable [] weights) {
    int blocks = (int) Math.min(blocks() - firstBlock, Tile.capacity(format));
    int elements = blocks * format.blockSize();
    long start = firstBlock * format.blockSize();
    MemorySegment.copy(
        Objects.requireNonNull(values),
        ValueLayout.JAVA_FLOAT_UNALIGNED,
        start * Float.BYTES,
        tile.values,
        0,
        elements);
    if (weights != null) {
      for (int done = 0; done < elements; ) {
        int column = (int) ((start + done) % rowLength);
        int count = Math.min(rowLength - column, elements - done);
        System.arraycopy(weights, column, tile.weights, done, count);
        done += count;
      }
    }
    int bad = tile.load(format, blocks, weights != null);
    if (bad >= 0) {
      float value = tile.values[bad];
      if (Float.isFinite(value)) {
        throw new IllegalArgumentException(
            value + " is too large for the scales of " + format.type());
      }
      throw new IllegalArgumentException(
          "row "
              + (start + bad) / rowLength
              + ", column "
              + (start + bad) % rowLength
              + " is "
              + value);
    }
  }

  /// @throws IllegalArgumentException if there is not a scale for each sub-block
  void requireScales(MemorySegment scales, @Nullable MemorySegment offsets) {
    long bytes = blocks() * format.subBlocks() * Float.BYTES;
    require(scales, bytes, "the scales");
    if (offsets != null) {
      require(offsets, bytes, "the offsets");
    }
  }

  /// Fills in the scales of a tile's blocks.
  void loadScales(
      Tile tile, long firstBlock, MemorySegment scales, @Nullable MemorySegment offsets) {
    long first = firstBlock * format.subBlocks();
    load(scales, first, tile.scales.scale, tile.subBlocks, "scale");
    if (offsets != null) {
      load(offsets, first, tile.scales.offset, tile.subBlocks, "offset");
    }
  }

  private static void load(MemorySegment from, long first, float[] to, int count, String what) {
    MemorySegment.copy(from, ValueLayout.JAVA_FLOAT_UNALIGNED, first * Float.BYTES, to, 0, count);
    for (int s = 0; s < count; s++) {
      if (!Float.isFinite(to[s])) {
        throw new IllegalArgumentException(
            "the " + what + " of sub-block " + (first + s) + " is " + to[s]);
      }
    }
  }

  /// Copies one block.
  void read(long index, byte[] block) {
    MemorySegment.copy(
        encoded, ValueLayout.JAVA_BYTE, index * block.length, block, 0, block.length);
  }

  /// Writes the blocks of a tile.
  ///
  /// @param block room for one
  void store(Tile tile, long firstBlock, byte[] block) {
    for (int b = 0; b < tile.blocks; b++) {
      format.write(tile.scales, b, tile.codes, b * format.blockSize(), block, 0);
      long at = (firstBlock + b) * block.length;
      MemorySegment.copy(block, 0, encoded, ValueLayout.JAVA_BYTE, at, block.length);
    }
  }
}
