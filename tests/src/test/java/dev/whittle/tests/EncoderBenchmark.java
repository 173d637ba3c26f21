package dev.whittle.tests;

import dev.whittle.blocks.BlockEncoder;
import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.Effort;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// The block encoders beside `ggml_quantize_chunk`, one thread, on rows of the bundled model.
///
/// `docs/encoders.md` tells how to run it.
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class EncoderBenchmark {
  private static final int ROWS = 64;

  /// Which encoder.
  public enum Encoder {
    GGML,
    FAST,
    THOROUGH
  }

  @Param({
    "Q1_0", "Q2_0", "TQ1_0", "TQ2_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "MXFP4",
    "NVFP4", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"
  })
  public GgmlType type = GgmlType.Q2_K;

  @Param public Encoder encoder = Encoder.FAST;

  @Param({"false", "true"})
  public boolean importance;

  private final Arena arena = Arena.ofShared();
  private BlockEncoder measured;
  private MemorySegment rows;
  private MemorySegment blocks;
  private int rowLength;
  private float @Nullable [] columns;

  /// How many weights were encoded, which JMH turns into a rate.
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Counter {
    public long weights;
  }

  @Setup
  public void read() {
    try (GgufFile model = GgufFile.open(Demo.model())) {
      TensorInfo tensor = model.require("blk.2.ffn_down.weight");
      rowLength = (int) tensor.rowLength();
      rows = arena.allocate(ValueLayout.JAVA_FLOAT, (long) ROWS * rowLength);
      BlockCodec.of(tensor.type()).decode(model.data(tensor), rows, (long) ROWS * rowLength);
    }
    blocks = arena.allocate(type.rowBytes(rowLength) * ROWS);
    measured =
        switch (encoder) {
          case GGML -> BlockEncoders.reference(type);
          case FAST -> BlockEncoders.fitted(type, Effort.FAST);
          case THOROUGH -> BlockEncoders.fitted(type, Effort.THOROUGH);
        };
    if (importance) {
      Random random = new Random(1);
      columns = new float[rowLength];
      for (int i = 0; i < rowLength; i++) {
        columns[i] = (float) Math.pow(random.nextGaussian(), 2);
      }
    }
  }

  @TearDown
  public void close() {
    arena.close();
  }

  @Benchmark
  public MemorySegment encode(Counter counter) {
    measured.encode(rows, blocks, ROWS, rowLength, columns);
    counter.weights += (long) ROWS * rowLength;
    return blocks;
  }
}
