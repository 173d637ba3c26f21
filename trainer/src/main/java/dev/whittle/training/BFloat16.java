package dev.whittle.training;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Rounding of float32 to bfloat16, to the nearest and ties to even, as ggml does.
final class BFloat16 {
  private static final ValueLayout.OfInt BITS = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfShort BF16 = ValueLayout.JAVA_SHORT;

  /// Elements of a cache line.
  static final int TILE = 32;

  private BFloat16() {}

  /// The float32 value.
  static float value(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /// Rounds `count` finite values.
  static void round(MemorySegment values, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.setAtIndex(BF16, i, round(values.getAtIndex(BITS, i)));
    }
  }

  /// Rounds a block of rows of a matrix and writes it as columns of the transposed matrix.
  ///
  /// It goes tile by tile through a small array, so that every cache line on either side is touched
  /// once: rows are often a power of two long, and whole columns of them share a cache set.
  ///
  /// @param values [columns, rows], the rows from `firstRow` on
  /// @param target [allRows, columns]
  static void transpose(
      MemorySegment values,
      int rows,
      int columns,
      MemorySegment target,
      long firstRow,
      long allRows) {
    short[] tile = new short[TILE * TILE];
    for (int row = 0; row < rows; row += TILE) {
      int height = Math.min(TILE, rows - row);
      for (int column = 0; column < columns; column += TILE) {
        int width = Math.min(TILE, columns - column);
        for (int r = 0; r < height; r++) {
          long from = (long) (row + r) * columns + column;
          for (int c = 0; c < width; c++) {
            tile[c * TILE + r] = round(values.getAtIndex(BITS, from + c));
          }
        }
        for (int c = 0; c < width; c++) {
          long to = (column + c) * allRows + firstRow + row;
          MemorySegment.copy(tile, c * TILE, target, BF16, to * Short.BYTES, height);
        }
      }
    }
  }

  /// Rounds the finite float32 value with these bits.
  static short round(int bits) {
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }
}
