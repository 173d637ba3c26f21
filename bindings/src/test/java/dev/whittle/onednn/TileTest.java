package dev.whittle.onednn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TileTest {
  @ParameterizedTest
  @CsvSource({"1, 1, 1", "1, 1, 4", "33, 65, 2", "512, 1024, 6", "100, 7, 5", "31, 4000, 16"})
  void theTilesCoverTheMatrixOnce(int rows, int columns, int parts) {
    int[][] covered = new int[rows][columns];
    for (int part = 0; part < parts; part++) {
      Tile tile = Tile.of(rows, columns, part, parts);
      for (long r = tile.firstRow(); r < tile.firstRow() + tile.rows(); r++) {
        for (long c = tile.firstColumn(); c < tile.firstColumn() + tile.columns(); c++) {
          covered[(int) r][(int) c]++;
        }
      }
    }
    for (int[] row : covered) {
      for (int times : row) {
        assertEquals(1, times);
      }
    }
  }

  @Test
  void theTilesOfALargeMatrixAreNearToSquaresAndOfOneSize() {
    for (int part = 0; part < 4; part++) {
      Tile tile = Tile.of(1024, 1024, part, 4);
      assertEquals(512, tile.rows());
      assertEquals(512, tile.columns());
    }
    Tile wide = Tile.of(64, 4096, 3, 4);
    assertEquals(64, wide.rows());
    assertTrue(wide.columns() == 1024 && wide.firstColumn() == 3072);
  }
}
