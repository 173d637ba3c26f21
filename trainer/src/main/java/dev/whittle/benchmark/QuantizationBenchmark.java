package dev.whittle.benchmark;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.whittle.blocks.BlockEncoder;
import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.BlockFormat;
import dev.whittle.blocks.Effort;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// The speed of the encoders that training uses, beside ggml's, on one thread and on values that
/// are distributed normally.
///
/// @param seconds to spend on each repeat, about
/// @param repeats counted repeats, after some that are not
public record QuantizationBenchmark(double seconds, int repeats) {
  private static final int ROW_LENGTH = 1024;
  private static final int ROWS = 64;
  private static final int ELEMENTS = ROWS * ROW_LENGTH;

  /// Repeats that do not count: Java's compiler needs them, and ggml makes tables.
  private static final int WARM_UP = 4;

  /// @param equal with all columns of equal importance; null if the type cannot be encoded so
  /// @param weighted with columns of squared normal importance
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Result(@Nullable Speed equal, Speed weighted) {}

  /// @param weightsPerSecond weights encoded in a second
  /// @param ggmlWeightsPerSecond the same of `ggml_quantize_chunk`, measured in turns with that;
  ///   null if it is what training uses
  /// @param speedup the ratio of the two
  /// @param relativeError the (weighted) squared error, as a share of ggml's
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Speed(
      Measurement weightsPerSecond,
      @Nullable Measurement ggmlWeightsPerSecond,
      @Nullable Double speedup,
      @Nullable Double relativeError) {}

  /// Measures the encoder of a type.
  public Result measure(GgmlType type) {
    float[] importance = new float[ROW_LENGTH];
    SplittableRandom random = new SplittableRandom(2);
    for (int i = 0; i < ROW_LENGTH; i++) {
      importance[i] = (float) Math.pow(random.nextGaussian(), 2);
    }
    return new Result(
        type.requiresImportance() ? null : measure(type, null), measure(type, importance));
  }

  private Speed measure(GgmlType type, float @Nullable [] importance) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = arena.allocate(ValueLayout.JAVA_FLOAT, ELEMENTS);
      SplittableRandom random = new SplittableRandom(1);
      for (int i = 0; i < ELEMENTS; i++) {
        weights.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      Side used = new Side(BlockEncoders.fitted(type, Effort.FAST), arena);
      Side ggml =
          BlockFormat.of(type).isPresent() ? new Side(BlockEncoders.reference(type), arena) : null;
      for (int i = 0; i < WARM_UP + repeats; i++) {
        used.repeat(weights, importance, i - WARM_UP);
        if (ggml != null) {
          ggml.repeat(weights, importance, i - WARM_UP);
        }
      }
      Measurement rate = Measurement.of(used.rates);
      if (ggml == null) {
        return new Speed(rate, null, null, null);
      }
      Measurement reference = Measurement.of(ggml.rates);
      return new Speed(
          rate,
          reference,
          rate.median() / reference.median(),
          used.error(weights, importance) / ggml.error(weights, importance));
    }
  }

  /// One of the encoders that are measured in turns.
  private final class Side {
    private final BlockEncoder encoder;
    private final MemorySegment blocks;
    private final MemorySegment decoded;
    final double[] rates = new double[repeats];

    Side(BlockEncoder encoder, Arena arena) {
      this.encoder = encoder;
      blocks = arena.allocate(encoder.type().rowBytes(ROW_LENGTH) * ROWS);
      decoded = arena.allocate(ValueLayout.JAVA_FLOAT, ELEMENTS);
    }

    /// @param index which repeat this is; negative if it does not count
    void repeat(MemorySegment weights, float @Nullable [] importance, int index) {
      long rounds = 0;
      long start = System.nanoTime();
      double elapsed = 0;
      while (elapsed < seconds) {
        encoder.encode(weights, blocks, ROWS, ROW_LENGTH, importance);
        rounds++;
        elapsed = (System.nanoTime() - start) / 1e9;
      }
      if (index >= 0) {
        rates[index] = rounds * ELEMENTS / elapsed;
      }
    }

    double error(MemorySegment weights, float @Nullable [] importance) {
      BlockCodec.of(encoder.type()).decode(blocks, decoded, ELEMENTS);
      double error = 0;
      for (int i = 0; i < ELEMENTS; i++) {
        double difference =
            weights.getAtIndex(ValueLayout.JAVA_FLOAT, i)
                - decoded.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        error += (importance == null ? 1 : importance[i % ROW_LENGTH]) * difference * difference;
      }
      return error;
    }
  }
}
