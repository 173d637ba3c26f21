package dev.whittle.training;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Rounding of float32 to bfloat16, to the nearest and ties to even, as ggml does.
final class BFloat16 {
  private static final ValueLayout.OfInt BITS = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfShort BF16 = ValueLayout.JAVA_SHORT;

  private BFloat16() {}

  /// Rounds `count` finite values.
  static void round(MemorySegment values, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.setAtIndex(BF16, i, round(values.getAtIndex(BITS, i)));
    }
  }

  /// Rounds a block of rows of a matrix and writes it as columns of the transposed matrix.
  ///
  /// @param values [columns, rows], the rows from `firstRow` on
  /// @param target [allRows, columns]
  static void transpose(
      MemorySegment values,
      long rows,
      long columns,
      MemorySegment target,
      long firstRow,
      long allRows) {
    // The written rows are long strides apart: fill whole stretches of each before going on.
    for (long column = 0; column < columns; column++) {
      long out = column * allRows + firstRow;
      for (long row = 0; row < rows; row++) {
        target.setAtIndex(BF16, out + row, round(values.getAtIndex(BITS, row * columns + column)));
      }
    }
  }

  private static short round(int bits) {
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }
}
