package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BFloat16Test {
  private static final int ROWS = 70;
  private static final int COLUMNS = 45;

  @Test
  void roundingIsGgmls() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = values(arena);
      MemorySegment ours = arena.allocate(ROWS * COLUMNS * 2L, 2);
      MemorySegment theirs = arena.allocate(ROWS * COLUMNS * 2L, 2);
      BFloat16.round(values, ours, ROWS * COLUMNS);
      BlockCodec.of(GgmlType.BF16).encode(values, theirs, ROWS, COLUMNS, null);
      assertEquals(-1, ours.mismatch(theirs));
    }
  }

  /// Rows 3 to 72 of a matrix of 80 rows: neither a whole number of tiles nor from the start.
  @Test
  void rowsBecomeColumns() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = values(arena);
      MemorySegment rounded = arena.allocate(ROWS * COLUMNS * 2L, 2);
      BFloat16.round(values, rounded, ROWS * COLUMNS);
      MemorySegment target = arena.allocate(80 * COLUMNS * 2L, 2);
      BFloat16.transpose(values, ROWS, COLUMNS, target, 3, 80);
      for (int row = 0; row < 80; row++) {
        for (int column = 0; column < COLUMNS; column++) {
          short expected =
              row < 3 || row >= 3 + ROWS
                  ? 0
                  : rounded.getAtIndex(ValueLayout.JAVA_SHORT, (row - 3L) * COLUMNS + column);
          assertEquals(expected, target.getAtIndex(ValueLayout.JAVA_SHORT, column * 80L + row));
        }
      }
    }
  }

  private static MemorySegment values(Arena arena) {
    Random random = new Random(4);
    MemorySegment values = arena.allocate(ROWS * COLUMNS * 4L, 4);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
      values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    return values;
  }
}
