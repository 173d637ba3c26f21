package dev.whittle.quantization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class FittedEncoderTest {
  private static final int ROWS = 8;
  private static final int ROW_LENGTH = 512;

  /// How values are distributed, and how their columns are weighted.
  enum Rows {
    GAUSSIAN,
    HEAVY_TAILED,
    ONE_OUTLIER,
    ALL_POSITIVE,
    CONSTANT,
    TERNARY,
    ZERO,
    DENORMAL,
    AROUND_THE_SMALLEST_SCALES;

    float[] generate() {
      Random random = new Random(ordinal());
      float[] values = new float[ROWS * ROW_LENGTH];
      for (int i = 0; i < values.length; i++) {
        DoubleSupplier gaussian = random::nextGaussian;
        values[i] =
            (float)
                switch (this) {
                  case GAUSSIAN -> 0.02 * gaussian.getAsDouble();
                  case HEAVY_TAILED -> 0.02 * Math.pow(gaussian.getAsDouble(), 5);
                  case ONE_OUTLIER -> i % 256 == 77 ? 3 : 0.02 * gaussian.getAsDouble();
                  case ALL_POSITIVE -> 0.02 * random.nextDouble();
                  case CONSTANT -> -0.0137;
                  case TERNARY -> 0.3 * (random.nextInt(3) - 1);
                  case ZERO -> 0;
                  case DENORMAL -> 1e-40 * gaussian.getAsDouble();
                  // float16 has only a few values there.
                  case AROUND_THE_SMALLEST_SCALES ->
                      0x1p-24 * (1 + i / 256) * gaussian.getAsDouble();
                };
      }
      return values;
    }
  }

  enum Columns {
    EQUAL,
    SQUARED_GAUSSIAN,
    HALF_IGNORED,
    ALL_IGNORED;

    float @Nullable [] generate() {
      if (this == EQUAL) {
        return null;
      }
      Random random = new Random(100);
      float[] importance = new float[ROW_LENGTH];
      for (int i = 0; i < importance.length; i++) {
        double square = Math.pow(random.nextGaussian(), 2);
        importance[i] =
            (float)
                switch (this) {
                  case SQUARED_GAUSSIAN -> square;
                  case HALF_IGNORED -> i % 2 * square;
                  default -> 0;
                };
      }
      return importance;
    }
  }

  static Stream<Arguments> everyCase() {
    return Stream.of(GgmlType.TQ2_0, GgmlType.Q2_0)
        .flatMap(type ->
            Stream.of(Rows.values())
                .flatMap(rows ->
                    Stream.of(Columns.values()).map(columns -> Arguments.of(type, rows, columns))));
  }

  @ParameterizedTest
  @MethodSource("everyCase")
  void errorIsNeverAboveGgmls(GgmlType type, Rows rows, Columns columns) {
    float[] values = rows.generate();
    float[] importance = columns.generate();
    float[] fitted = decode(type, encode(BlockEncoders.forType(type), values, importance));
    float[] plain = decode(type, encode(BlockEncoders.reference(type), values, importance));
    int size = type.blockSize();
    for (int start = 0; start < values.length; start += size) {
      double ours = error(values, fitted, importance, start, size);
      double ggmls = error(values, plain, importance, start, size);
      // Both errors are sums of rounded squares; one part in a million is above their noise.
      assertTrue(
          ours <= ggmls * (1 + 1e-6),
          "block at " + start + " has error " + ours + ", and ggml's has " + ggmls);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      names = {"TQ2_0", "Q2_0"})
  void errorIsNearTheOptimum(GgmlType type) {
    float[] values = Rows.GAUSSIAN.generate();
    float[] importance = Columns.SQUARED_GAUSSIAN.generate();
    float[] fitted = decode(type, encode(BlockEncoders.forType(type), values, importance));
    double ours = error(values, fitted, importance, 0, values.length);
    double optimum = 0;
    for (int start = 0; start < values.length; start += type.blockSize()) {
      optimum += exhaustiveSearch(type, values, importance, start);
    }
    assertTrue(ours < 1.005 * optimum, ours + " against the optimum of " + optimum);
  }

  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      names = {"TQ2_0", "Q2_0"})
  void rowsAreIndependent(GgmlType type) {
    BlockEncoder encoder = BlockEncoders.forType(type);
    float[] values = Rows.HEAVY_TAILED.generate();
    float[] importance = Columns.SQUARED_GAUSSIAN.generate();
    byte[] whole = encode(encoder, values, importance);
    int rowBytes = (int) type.rowBytes(ROW_LENGTH);
    for (int row = 0; row < ROWS; row++) {
      float[] one = Arrays.copyOfRange(values, row * ROW_LENGTH, (row + 1) * ROW_LENGTH);
      assertArrayEquals(
          Arrays.copyOfRange(whole, row * rowBytes, (row + 1) * rowBytes),
          encode(encoder, one, importance));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      names = {"TQ2_0", "Q2_0"})
  void valuesBeyondTheGreatestScaleStayFinite(GgmlType type) {
    float[] values = new float[ROW_LENGTH];
    Arrays.fill(values, 1e6f);
    // 65504 is the greatest float16, and 2 the greatest level of Q2_0.
    float expected = type == GgmlType.Q2_0 ? 2 * 65504f : 65504f;
    for (float decoded : decode(type, encode(BlockEncoders.forType(type), values, null))) {
      assertEquals(expected, decoded);
    }
  }

  @Test
  void longTailOnTheNegativeSideGetsANegativeScale() {
    float[] values = new float[64];
    Arrays.fill(values, 0, 32, 0.1f);
    Arrays.fill(values, 32, 64, -0.2f);
    float[] decoded = decode(GgmlType.Q2_0, encode(new TwoBitEncoder(), values, 64, null));
    // All four levels are exact but for the rounding of the scale to float16.
    assertArrayEquals(values, decoded, 1e-4f);
  }

  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      names = {"TQ2_0", "Q2_0"})
  void refusesBadInput(GgmlType type) {
    BlockEncoder encoder = BlockEncoders.forType(type);
    float[] values = Rows.GAUSSIAN.generate();
    values[ROW_LENGTH + 3] = Float.NaN;
    var e = assertThrows(IllegalArgumentException.class, () -> encode(encoder, values, null));
    assertEquals("row 1, column 3 is NaN", e.getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () -> encode(encoder, Rows.GAUSSIAN.generate(), new float[ROW_LENGTH - 1]));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment src = arena.allocate(ROW_LENGTH * Float.BYTES);
      MemorySegment dst = arena.allocate(type.rowBytes(ROW_LENGTH));
      assertThrows(
          IllegalArgumentException.class, () -> encoder.encode(src, dst, 2, ROW_LENGTH, null));
      assertThrows(
          IllegalArgumentException.class,
          () -> encoder.encode(src, dst.asSlice(1), 1, ROW_LENGTH, null));
    }
  }

  /// The least error over 1000 scales of either sign, each polished once.
  private static double exhaustiveSearch(
      GgmlType type, float[] values, float[] importance, int start) {
    int top = type == GgmlType.Q2_0 ? 2 : 1;
    double greatest = 0;
    for (int i = start; i < start + type.blockSize(); i++) {
      greatest = Math.max(greatest, Math.abs(values[i]));
    }
    double best = Double.POSITIVE_INFINITY;
    for (int step = -500; step <= 500; step++) {
      double scale = greatest * (step + 0.5) / 500;
      for (int polish = 0; polish < 2; polish++) {
        double error = 0;
        double sum = 0;
        double weight = 0;
        for (int i = start; i < start + type.blockSize(); i++) {
          double w = importance[i % ROW_LENGTH];
          double level = Math.clamp(Math.rint(values[i] / scale), -1, top);
          error += w * Math.pow(values[i] - level * scale, 2);
          sum += w * level * values[i];
          weight += w * level * level;
        }
        best = Math.min(best, error);
        scale = weight == 0 ? scale : sum / weight;
      }
    }
    return best;
  }

  private static double error(
      float[] values, float[] decoded, float @Nullable [] importance, int start, int count) {
    double error = 0;
    for (int i = start; i < start + count; i++) {
      double weight = importance == null ? 1 : importance[i % ROW_LENGTH];
      error += weight * Math.pow((double) values[i] - decoded[i], 2);
    }
    return error;
  }

  private static byte[] encode(BlockEncoder encoder, float[] values, float[] importance) {
    return encode(encoder, values, ROW_LENGTH, importance);
  }

  private static byte[] encode(
      BlockEncoder encoder, float[] values, int rowLength, float @Nullable [] importance) {
    try (Arena arena = Arena.ofConfined()) {
      int rows = values.length / rowLength;
      MemorySegment dst = arena.allocate(rows * encoder.type().rowBytes(rowLength));
      MemorySegment src = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
      encoder.encode(src, dst, rows, rowLength, importance);
      return dst.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static float[] decode(GgmlType type, byte[] blocks) {
    try (Arena arena = Arena.ofConfined()) {
      int elements = blocks.length / type.blockBytes() * type.blockSize();
      MemorySegment dst = arena.allocate((long) elements * Float.BYTES, Float.BYTES);
      MemorySegment src = arena.allocateFrom(ValueLayout.JAVA_BYTE, blocks);
      BlockCodec.of(type).decode(src, dst, elements);
      return dst.toArray(ValueLayout.JAVA_FLOAT);
    }
  }
}
