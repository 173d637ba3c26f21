package dev.whittle.transform;

import dev.whittle.blocks.BlockEncoder;
import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.Effort;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.training.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// Rounds weights as they will be rounded, to see what that makes of them.
///
/// Where they will be rounded to nearest, by ggml's encoder and with equal weights; where an
/// importance matrix will be used, by ggml's encoder with it; for the other methods by scales
/// fitted with the importance, which stands for GPTQ as well: it is much faster, and what is easy
/// for the one is easy for the other.
///
/// @param plan which type each matrix will have
/// @param method how it will be rounded
record TrialRounding(QuantizationPlan plan, QuantizationMethod method, Workers workers) {
  /// Elements that a job takes.
  private static final int PIECE = 1 << 17;

  /// Whether a matrix will be quantized.
  boolean rounds(String name) {
    return type(name).isQuantized();
  }

  private GgmlType type(String name) {
    return plan.assignment(name).orElseThrow().type();
  }

  /// What a matrix will decode to.
  ///
  /// @param name which type it gets
  /// @param weights [rows, importance.length]
  /// @param importance of the columns
  /// @throws QuantizationException if a weight is not finite
  float[] rounded(String name, float[] weights, float[] importance) {
    GgmlType type = type(name);
    int columns = importance.length;
    boolean reference = method == QuantizationMethod.RTN || method == QuantizationMethod.IMATRIX;
    BlockEncoder encoder =
        reference ? BlockEncoders.reference(type) : BlockEncoders.fitted(type, Effort.FAST);
    boolean weighted = method != QuantizationMethod.RTN;
    BlockCodec codec = BlockCodec.of(type);
    float[] rounded = new float[weights.length];
    List<Runnable> jobs = new ArrayList<>();
    int step = Math.max(1, PIECE / columns) * columns;
    for (int start = 0; start < weights.length; start += step) {
      int first = start;
      int count = Math.min(step, weights.length - start);
      jobs.add(() -> {
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment values = arena.allocate((long) count * Float.BYTES, 64);
          MemorySegment blocks = arena.allocate(type.rowBytes(count), 64);
          MemorySegment.copy(weights, first, values, ValueLayout.JAVA_FLOAT, 0, count);
          encoder.encode(values, blocks, count / columns, columns, weighted ? importance : null);
          codec.decode(blocks, values, count);
          MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, 0, rounded, first, count);
        }
      });
    }
    try {
      workers.run(jobs);
    } catch (IllegalArgumentException e) {
      throw new QuantizationException(
          "tensor '" + name + "' cannot become " + type + ": " + e.getMessage(), e);
    }
    return rounded;
  }
}
