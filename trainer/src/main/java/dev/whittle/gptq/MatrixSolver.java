package dev.whittle.gptq;

import dev.whittle.blocks.BlockEncoder;
import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.BlockFormat;
import dev.whittle.blocks.Effort;
import dev.whittle.ggml.GgmlType;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import dev.whittle.training.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Rounds the matrices of a model: by [GptqSolver] where a type's blocks are made by [BlockFormat]
/// and something is known of the inputs, and else by an encoder that fits the scales, with the
/// diagonal of the Hessian as importance.
final class MatrixSolver {
  private final GptqSolver solver;
  private final Workers workers;

  MatrixSolver(GptqSettings settings, Workers workers, Consumer<String> warnings) {
    this.workers = workers;
    solver = new GptqSolver(settings, workers, warnings);
  }

  /// @param weights float32, [rows, columns]
  /// @param hessian null if nothing is known of the inputs
  /// @param arena of what is made
  /// @return nothing if the tensor is not to be quantized
  Optional<SolvedMatrix> solve(
      Assignment assignment, MemorySegment weights, @Nullable Hessian hessian, Arena arena) {
    GgmlType type = assignment.type();
    if (assignment.isCopy() || !type.isQuantized()) {
      return Optional.empty();
    }
    String name = assignment.tensor().name();
    long rows = assignment.tensor().rows();
    long columns = assignment.tensor().rowLength();
    MemorySegment blocks = arena.allocate(type.rowBytes(columns) * rows, 64);
    MemorySegment masters = arena.allocate(weights.byteSize(), 64);
    BlockFormat format = BlockFormat.of(type).orElse(null);
    if (format != null && hessian != null) {
      solver.solve(name, format, weights, rows, hessian, blocks, masters);
    } else {
      float[] importance = hessian == null ? null : hessian.importance(name);
      encode(name, type, weights, rows, columns, importance, blocks);
      masters.copyFrom(weights);
    }
    return Optional.of(new SolvedMatrix(type, blocks, masters));
  }

  private void encode(
      String name,
      GgmlType type,
      MemorySegment weights,
      long rows,
      long rowLength,
      float @Nullable [] importance,
      MemorySegment blocks) {
    BlockEncoder encoder = BlockEncoders.fitted(type, Effort.THOROUGH);
    List<Runnable> pieces = new ArrayList<>();
    long most = Math.max(1, (1 << 17) / rowLength);
    for (long row = 0; row < rows; row += most) {
      long first = row;
      long count = Math.min(most, rows - row);
      pieces.add(() ->
          encoder.encode(
              weights.asSlice(first * rowLength * Float.BYTES),
              blocks.asSlice(first * type.rowBytes(rowLength)),
              count,
              rowLength,
              importance));
    }
    try {
      workers.run(pieces);
    } catch (IllegalArgumentException e) {
      throw new QuantizationException(
          "tensor '" + name + "' cannot become " + type + ": " + e.getMessage(), e);
    }
  }
}
