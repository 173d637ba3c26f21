package dev.whittle.onednn;

/// The part of a matrix that one thread computes.
record Tile(long firstRow, long rows, long firstColumn, long columns) {
  /// What the kernels compute at once; a part is a multiple of it where that goes.
  private static final int GRAIN = 32;

  /// Part number `part` of a matrix that is cut into a grid of `parts`, near to squares: each needs
  /// its rows of the one factor and its columns of the other, so the fewer of both the better.
  static Tile of(long rows, long columns, int part, int parts) {
    int across = 1;
    double least = Double.MAX_VALUE;
    for (int c = 1; c <= parts; c++) {
      if (parts % c == 0) {
        double edges = piece(rows, parts / c) + (double) piece(columns, c);
        // The pieces' area decides, and among equal ones the edges.
        double cost = piece(rows, parts / c) * (double) piece(columns, c) + edges;
        if (cost < least) {
          least = cost;
          across = c;
        }
      }
    }
    int down = parts / across;
    long height = piece(rows, down);
    long width = piece(columns, across);
    long firstRow = Math.min(rows, part / across * height);
    long firstColumn = Math.min(columns, part % across * width);
    return new Tile(
        firstRow,
        Math.min(height, rows - firstRow),
        firstColumn,
        Math.min(width, columns - firstColumn));
  }

  private static long piece(long extent, int pieces) {
    long grains = (extent + GRAIN - 1) / GRAIN;
    return Math.min(extent, (grains + pieces - 1) / pieces * GRAIN);
  }

  boolean isEmpty() {
    return rows == 0 || columns == 0;
  }
}
