package dev.whittle.gptq;

import dev.whittle.blocks.BlockFormat;
import dev.whittle.blocks.Effort;
import dev.whittle.blocks.Grid;
import dev.whittle.quantization.QuantizationException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Some rows of a matrix on their way to blocks.
///
/// Columns are counted by their place in the order of rounding. When one is rounded, its error over
/// the diagonal of U, times its row of U, is taken from the columns behind it: at once from those
/// of the same batch, and from the rest when the batch is done.
final class MatrixRows {
  /// Columns in a batch, at least.
  private static final int BATCH = 128;

  /// Columns that all rows are updated in before the next: so many of U stay in the cache.
  private static final int STRIPE = 1024;

  private final String name;
  private final BlockFormat format;
  private final int[] order;
  private final int[] places;
  private final InverseFactor factor;
  private final long firstRow;
  private final int rows;
  private final int columns;
  private final MemorySegment weights;
  private final MemorySegment blocks;
  private final MemorySegment masters;
  private float[] values = {};
  private byte[] codes = {};
  private Grid[][] grids = {};
  private double error;

  MatrixRows(
      String name,
      BlockFormat format,
      int[] order,
      InverseFactor factor,
      long firstRow,
      int rows,
      MemorySegment weights,
      MemorySegment blocks,
      MemorySegment masters) {
    this.name = name;
    this.format = format;
    this.order = order;
    this.factor = factor;
    this.firstRow = firstRow;
    this.rows = rows;
    this.weights = weights;
    this.blocks = blocks;
    this.masters = masters;
    columns = order.length;
    places = new int[columns];
    for (int place = 0; place < columns; place++) {
      places[order[place]] = place;
    }
  }

  /// The damped squared error of the outputs, known when solved.
  double error() {
    return error;
  }

  /// @param inPlace whether the columns of a block come one behind the other, so that its scales
  ///   are fitted when the first of them comes
  void solve(boolean inPlace) {
    load();
    int batch = Math.max(BATCH, format.blockSize());
    if (!inPlace) {
      for (int block = 0; block < grids[0].length; block++) {
        fitBlock(block);
      }
    }
    float[] errors = new float[rows * batch];
    for (int first = 0; first < columns; first += batch) {
      int end = Math.min(first + batch, columns);
      for (int place = first; place < end; place++) {
        if (inPlace) {
          fit(place);
        }
        round(place, first, end, errors, batch);
      }
      update(first, end, errors, batch);
    }
    write();
    // What is needed no more.
    values = new float[0];
    codes = new byte[0];
    grids = new Grid[0][];
  }

  private void load() {
    float[] natural = new float[columns];
    values = new float[rows * columns];
    for (int row = 0; row < rows; row++) {
      long at = (firstRow + row) * columns * Float.BYTES;
      MemorySegment.copy(weights, ValueLayout.JAVA_FLOAT, at, natural, 0, columns);
      for (int column = 0; column < columns; column++) {
        if (!Float.isFinite(natural[column])) {
          throw new QuantizationException(
              "tensor '"
                  + name
                  + "' has "
                  + natural[column]
                  + " in row "
                  + (firstRow + row)
                  + ", column "
                  + column
                  + "; the model is damaged, or was trained into overflow");
        }
        values[row * columns + places[column]] = natural[column];
      }
    }
    codes = new byte[rows * columns];
    grids = new Grid[rows][columns / format.blockSize()];
    for (Grid[] row : grids) {
      for (int block = 0; block < row.length; block++) {
        row[block] = format.newGrid();
      }
    }
  }

  /// Fits the scales that a column is the first to use.
  private void fit(int place) {
    int column = order[place];
    if (place % format.blockSize() == 0) {
      fitBlock(column / format.blockSize());
    } else if (place % format.subBlockSize() == 0) {
      int inBlock = column % format.blockSize();
      int first = column - column % format.subBlockSize();
      check(() ->
          format.refit(
              gridsOf(column / format.blockSize()),
              inBlock / format.subBlockSize(),
              gathered(first, format.subBlockSize()),
              importance(first, format.subBlockSize()),
              Effort.THOROUGH));
    }
  }

  private void fitBlock(int block) {
    int size = format.blockSize();
    check(() ->
        format.fit(
            gridsOf(block),
            gathered(block * size, size),
            importance(block * size, size),
            Effort.THOROUGH));
  }

  private void check(Runnable fit) {
    try {
      fit.run();
    } catch (IllegalArgumentException e) {
      throw new QuantizationException(
          "tensor '" + name + "' cannot become " + format.type() + ": " + e.getMessage(), e);
    }
  }

  private Grid[] gridsOf(int block) {
    Grid[] all = new Grid[rows];
    for (int row = 0; row < rows; row++) {
      all[row] = grids[row][block];
    }
    return all;
  }

  /// The values of neighbouring columns as they are by now, [rows, count].
  private float[] gathered(int firstColumn, int count) {
    float[] gathered = new float[rows * count];
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < count; i++) {
        gathered[row * count + i] = values[row * columns + places[firstColumn + i]];
      }
    }
    return gathered;
  }

  /// How much the squared error of a column costs when those behind it make up for it: one over the
  /// square of U's diagonal.
  private float[] importance(int firstColumn, int count) {
    float[] importance = new float[count];
    for (int i = 0; i < count; i++) {
      float diagonal = factor.diagonal(places[firstColumn + i]);
      importance[i] = 1 / (diagonal * diagonal);
    }
    return importance;
  }

  private void round(int place, int first, int end, float[] errors, int batch) {
    int column = order[place];
    int block = column / format.blockSize();
    int element = column % format.blockSize();
    float[] compensation = factor.rows()[place];
    float inverse = 1 / compensation[0];
    for (int row = 0; row < rows; row++) {
      int at = row * columns + place;
      Grid grid = grids[row][block];
      int code = grid.code(element, values[at]);
      codes[row * columns + column] = (byte) code;
      float relative = (values[at] - grid.value(element, code)) * inverse;
      error += (double) relative * relative;
      errors[row * batch + place - first] = relative;
      // The value itself stays as it was rounded.
      subtract(values, at + 1, compensation, 1, end - place - 1, relative);
    }
  }

  /// Makes up for a batch's errors in all columns behind it.
  private void update(int first, int end, float[] errors, int batch) {
    for (int from = end; from < columns; from += STRIPE) {
      int count = Math.min(STRIPE, columns - from);
      for (int row = 0; row < rows; row++) {
        for (int place = first; place < end; place++) {
          subtract(
              values,
              row * columns + from,
              factor.rows()[place],
              from - place,
              count,
              errors[row * batch + place - first]);
        }
      }
    }
  }

  private static void subtract(
      float[] values, int at, float[] direction, int from, int count, float factor) {
    for (int i = 0; i < count; i++) {
      values[at + i] -= factor * direction[from + i];
    }
  }

  private void write() {
    int size = format.blockSize();
    byte[] blockCodes = new byte[size];
    float[] natural = new float[columns];
    byte[] block = new byte[format.type().blockBytes()];
    long rowBytes = format.type().rowBytes(columns);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        natural[column] = values[row * columns + places[column]];
      }
      long start = (firstRow + row) * columns * Float.BYTES;
      MemorySegment.copy(natural, 0, masters, ValueLayout.JAVA_FLOAT, start, columns);
      for (int b = 0; b < grids[row].length; b++) {
        System.arraycopy(codes, row * columns + b * size, blockCodes, 0, size);
        grids[row][b].write(blockCodes, block, 0);
        long at = (firstRow + row) * rowBytes + (long) b * block.length;
        MemorySegment.copy(block, 0, blocks, ValueLayout.JAVA_BYTE, at, block.length);
      }
    }
  }
}
