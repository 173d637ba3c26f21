package dev.whittle.benchmark;

import dev.whittle.ggml.GgmlType;
import dev.whittle.quantization.BlockEncoder;
import dev.whittle.quantization.BlockEncoders;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;

/// The speed of the encoders that training and quantization use, on one thread.
///
/// @param seconds to spend on each type, about
public record QuantizationBenchmark(double seconds) {
  private static final int ROW_LENGTH = 1024;
  private static final int ROWS = 16;

  /// Weights encoded in a second, by one thread, where the encoder is given an importance.
  public double weightsPerSecond(GgmlType type) {
    BlockEncoder encoder = BlockEncoders.forType(type);
    float[] importance = new float[ROW_LENGTH];
    Arrays.fill(importance, 1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = arena.allocate(ValueLayout.JAVA_FLOAT, (long) ROWS * ROW_LENGTH);
      SplittableRandom random = new SplittableRandom(1);
      for (long i = 0; i < ROWS * ROW_LENGTH; i++) {
        weights.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      MemorySegment blocks = arena.allocate(type.rowBytes(ROW_LENGTH) * ROWS);
      // The first rounds also warm up the tables of ggml, and Java's compiler.
      double warmUp = System.nanoTime() + seconds / 2 * 1e9;
      while (System.nanoTime() < warmUp) {
        encoder.encode(weights, blocks, ROWS, ROW_LENGTH, importance);
      }
      long rounds = 0;
      long start = System.nanoTime();
      double elapsed = 0;
      while (elapsed < seconds) {
        encoder.encode(weights, blocks, ROWS, ROW_LENGTH, importance);
        rounds++;
        elapsed = (System.nanoTime() - start) / 1e9;
      }
      return rounds * ROWS * ROW_LENGTH / elapsed;
    }
  }
}
