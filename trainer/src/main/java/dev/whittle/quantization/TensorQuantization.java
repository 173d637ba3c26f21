package dev.whittle.quantization;

import dev.whittle.blocks.BlockEncoder;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.gguf.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The conversion of one tensor, in pieces of whole rows that threads take on one by one.
///
/// Each piece is decoded again, which yields the error, and shows where the type cannot hold the
/// values.
final class TensorQuantization {
  /// Large enough to make a call worth it, small enough to share a tensor between threads.
  private static final long PIECE = 1 << 17;

  private final TensorInfo tensor;
  private final MemorySegment data;
  private final BlockCodec source;
  private final BlockEncoder encoder;
  private final BlockCodec target;
  private final float @Nullable [] importance;
  private double squaredError;
  private double energy;

  /// @param data the tensor's blocks, as the source file has them
  /// @param importance [experts × columns], an expert's columns together
  TensorQuantization(
      TensorInfo tensor, MemorySegment data, BlockEncoder encoder, float @Nullable [] importance) {
    this.tensor = tensor;
    this.data = data;
    this.source = BlockCodec.of(tensor.type());
    this.encoder = encoder;
    this.target = BlockCodec.of(encoder.type());
    this.importance = importance;
  }

  /// The squared error of all rows so far, relative to the squares of the values.
  double relativeError() {
    return energy == 0 ? 0 : squaredError / energy;
  }

  /// Converts some rows.
  ///
  /// @param dst room for those rows
  /// @throws QuantizationException if the type cannot hold a value
  void encode(long firstRow, long rows, MemorySegment dst, ExecutorService threads) {
    run(firstRow, rows, dst, Piece::encode, threads);
  }

  /// Takes the blocks of all rows as somebody else has made them.
  ///
  /// @throws QuantizationException if what they decode to is not finite
  void compare(MemorySegment blocks, ExecutorService threads) {
    run(0, tensor.rows(), blocks, Piece::compare, threads);
  }

  private void run(
      long firstRow,
      long rows,
      MemorySegment dst,
      Function<Piece, Sums> work,
      ExecutorService threads) {
    List<Callable<Sums>> pieces = new ArrayList<>();
    long most = Math.max(1, PIECE / tensor.rowLength());
    long end = firstRow + rows;
    for (long row = firstRow; row < end; ) {
      // Experts have importances of their own.
      long left = tensor.dimension(1) - row % tensor.dimension(1);
      long count = Math.min(Math.min(most, left), end - row);
      Piece piece = new Piece(row, count, dst.asSlice((row - firstRow) * rowBytes()));
      pieces.add(() -> work.apply(piece));
      row += count;
    }
    for (Sums sums : run(pieces, threads)) {
      squaredError += sums.squaredError;
      energy += sums.energy;
    }
  }

  private long rowBytes() {
    return encoder.type().rowBytes(tensor.rowLength());
  }

  private static List<Sums> run(List<Callable<Sums>> pieces, ExecutorService threads) {
    List<Sums> sums = new ArrayList<>();
    try {
      for (Future<Sums> future : threads.invokeAll(pieces)) {
        sums.add(future.get());
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new QuantizationException("the quantization was interrupted", e);
    }
    return sums;
  }

  private record Sums(double squaredError, double energy) {}

  private final class Piece {
    private final long row;
    private final long rows;
    private final MemorySegment dst;

    Piece(long row, long rows, MemorySegment dst) {
      this.row = row;
      this.rows = rows;
      this.dst = dst;
    }

    Sums encode() {
      long elements = rows * tensor.rowLength();
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment values = values(elements, arena);
        try {
          encoder.encode(values, dst, rows, tensor.rowLength(), columns());
        } catch (IllegalArgumentException e) {
          throw refused(values, elements, e);
        }
        return compare(values, elements, arena);
      }
    }

    Sums compare() {
      long elements = rows * tensor.rowLength();
      try (Arena arena = Arena.ofConfined()) {
        return compare(values(elements, arena), elements, arena);
      }
    }

    private MemorySegment values(long elements, Arena arena) {
      MemorySegment values = arena.allocate(elements * Float.BYTES, Float.BYTES);
      long start = tensor.type().rowBytes(tensor.rowLength()) * row;
      source.decode(data.asSlice(start), values, elements);
      return values;
    }

    private Sums compare(MemorySegment values, long elements, Arena arena) {
      MemorySegment decoded = arena.allocate(elements * Float.BYTES, Float.BYTES);
      target.decode(dst, decoded, elements);
      return compare(values, decoded, elements);
    }

    private float @Nullable [] columns() {
      if (importance == null) {
        return null;
      }
      int length = (int) tensor.rowLength();
      int expert = (int) (row / tensor.dimension(1) % tensor.dimension(2));
      return Arrays.copyOfRange(importance, expert * length, (expert + 1) * length);
    }

    private Sums compare(MemorySegment values, MemorySegment decoded, long elements) {
      double error = 0;
      double squares = 0;
      for (long i = 0; i < elements; i++) {
        double value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        double difference = value - decoded.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        error += difference * difference;
        squares += value * value;
      }
      if (!Double.isFinite(error)) {
        throw new QuantizationException(
            "tensor '"
                + tensor.name()
                + "' has values in rows "
                + row
                + " to "
                + (row + rows - 1)
                + " that are too large for "
                + encoder.type()
                + "; choose another type for it");
      }
      return new Sums(error, squares);
    }

    private QuantizationException refused(
        MemorySegment values, long elements, IllegalArgumentException e) {
      for (long i = 0; i < elements; i++) {
        float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        if (!Float.isFinite(value)) {
          return new QuantizationException(
              "tensor '"
                  + tensor.name()
                  + "' has "
                  + value
                  + " in row "
                  + (row + i / tensor.rowLength())
                  + ", column "
                  + i % tensor.rowLength()
                  + "; the model is damaged, or was trained into overflow",
              e);
        }
      }
      return new QuantizationException(
          "tensor '" + tensor.name() + "' cannot become " + encoder.type() + ": " + e.getMessage(),
          e);
    }
  }
}
