package dev.whittle.blocks;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/// How values are distributed.
enum Rows {
  GAUSSIAN,
  HEAVY_TAILED,
  ONE_SPIKE,
  ALL_POSITIVE,
  CONSTANT,
  FEW_LEVELS,
  ZERO,
  DENORMAL,
  AROUND_THE_SMALLEST_SCALES,
  HUGE,
  MANY_MAGNITUDES,
  MODEL;

  static final int COUNT = 8;
  static final int LENGTH = 512;

  /// Values, [COUNT, LENGTH], always the same.
  float[] generate() {
    if (this == MODEL) {
      return Model.VALUES.clone();
    }
    Random random = new Random(ordinal());
    float[] values = new float[COUNT * LENGTH];
    for (int i = 0; i < values.length; i++) {
      double gaussian = random.nextGaussian();
      values[i] =
          (float)
              switch (this) {
                case GAUSSIAN -> 0.02 * gaussian;
                case HEAVY_TAILED -> 0.02 * Math.pow(gaussian, 5);
                case ONE_SPIKE -> i % 256 == 77 ? 3 : 0.02 * gaussian;
                case ALL_POSITIVE -> 0.02 * random.nextDouble();
                case CONSTANT -> -0.0137;
                case FEW_LEVELS -> 0.3 * (random.nextInt(3) - 1);
                case DENORMAL -> 1e-40 * gaussian;
                // float16 has only a few values there.
                case AROUND_THE_SMALLEST_SCALES -> 0x1p-24 * (1 + i / 256) * gaussian;
                // With weights, about the greatest that BlockCodec takes.
                case HUGE -> Math.clamp(0x1p22 * gaussian, -0x1p23, 0x1p23);
                case MANY_MAGNITUDES -> gaussian * Math.pow(10, -i % 16);
                default -> 0;
              };
    }
    return values;
  }

  /// Read once, when a test first asks.
  private static final class Model {
    static final float[] VALUES = read();

    private static float[] read() {
      Path demo = Path.of(System.getProperty("whittle.home"), "demo", "reasoner-5m");
      try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(demo)) {
        Path file = Files.createTempFile("whittle", ".gguf");
        try {
          checkpoint.writeGguf(file, GgmlType.BF16, true);
          return read(file);
        } finally {
          Files.delete(file);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static float[] read(Path file) {
      try (GgufFile gguf = GgufFile.open(file);
          Arena arena = Arena.ofConfined()) {
        TensorInfo tensor = gguf.require("blk.2.ffn_down.weight");
        MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, COUNT * LENGTH);
        BlockCodec.of(tensor.type()).decode(gguf.data(tensor), values, COUNT * LENGTH);
        return values.toArray(ValueLayout.JAVA_FLOAT);
      }
    }
  }
}
