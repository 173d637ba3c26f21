package dev.whittle.blocks;

import static dev.whittle.blocks.Blocks.decode;
import static dev.whittle.blocks.Blocks.encode;
import static dev.whittle.blocks.Blocks.error;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class BlockEncodersTest {
  static Stream<GgmlType> types() {
    return Blocks.formats().map(BlockFormat::type);
  }

  static Stream<Arguments> everyCase() {
    return types()
        .flatMap(type ->
            Stream.of(Rows.values())
                .flatMap(rows ->
                    Stream.of(Columns.values()).map(columns -> Arguments.of(type, rows, columns))));
  }

  static Stream<Arguments> commonCases() {
    return types()
        .flatMap(type ->
            Stream.of(Rows.GAUSSIAN, Rows.HEAVY_TAILED, Rows.MODEL)
                .flatMap(rows ->
                    Stream.of(Columns.EQUAL, Columns.SQUARED_GAUSSIAN)
                        .map(columns -> Arguments.of(type, rows, columns))));
  }

  @ParameterizedTest
  @MethodSource("everyCase")
  void noRowIsWorseThanGgmls(GgmlType type, Rows rows, Columns columns) {
    float[] values = rows.generate();
    float[] importance = columns.importance();
    float[] fitted = decode(type, encode(thorough(type), values, Rows.LENGTH, importance));
    float[] plain =
        decode(type, encode(BlockEncoders.reference(type), values, Rows.LENGTH, importance));
    for (int start = 0; start < values.length; start += Rows.LENGTH) {
      double ours = error(values, fitted, importance, start, Rows.LENGTH);
      double ggmls = error(values, plain, importance, start, Rows.LENGTH);
      assertTrue(Double.isFinite(ours), () -> "error " + ours);
      // The sums over blocks are added up in another order here.
      assertTrue(!(ours > ggmls * (1 + 1e-12)), () -> "error " + ours + ", and ggml's " + ggmls);
    }
  }

  @ParameterizedTest
  @MethodSource("commonCases")
  void fastOnesAreBetterThanGgmlsOnAverage(GgmlType type, Rows rows, Columns columns) {
    float[] values = rows.generate();
    float[] importance = columns.importance();
    float[] fitted = decode(type, encode(fast(type), values, Rows.LENGTH, importance));
    float[] plain =
        decode(type, encode(BlockEncoders.reference(type), values, Rows.LENGTH, importance));
    double ours = error(values, fitted, importance, 0, values.length);
    double ggmls = error(values, plain, importance, 0, values.length);
    assertTrue(ours <= ggmls, () -> "error " + ours + ", and ggml's " + ggmls);
  }

  @ParameterizedTest
  @MethodSource("everyCase")
  void everyValueIsRoundedToTheNearestLevel(GgmlType type, Rows rows, Columns columns) {
    BlockFormat format = BlockFormat.of(type).orElseThrow();
    float[] values = rows.generate();
    byte[] blocks = encode(fast(type), values, Rows.LENGTH, columns.importance());
    float[] decoded = decode(type, blocks);
    Grid grid = format.newGrid();
    int size = format.blockSize();
    for (int i = 0; i < values.length; i++) {
      if (i % size == 0) {
        grid.read(blocks, i / size * type.blockBytes());
      }
      double error = Math.abs((double) values[i] - decoded[i]);
      double least = Double.POSITIVE_INFINITY;
      double span = 0;
      // Q8_0 does without its lowest level.
      for (int code = type == GgmlType.Q8_0 ? 1 : 0; code < format.codes(); code++) {
        float level = grid.value(i % size, code);
        least = Math.min(least, Math.abs((double) values[i] - level));
        span = Math.max(span, Math.abs(level));
      }
      // Near the middle between two levels either will do: float32 has seven digits of the range.
      assertTrue(error <= least + 1e-6 * span, "value " + i + ": " + values[i] + ", " + decoded[i]);
    }
  }

  @ParameterizedTest
  @MethodSource("types")
  void rowsAreIndependent(GgmlType type) {
    float[] values = Rows.HEAVY_TAILED.generate();
    float[] importance = Columns.SQUARED_GAUSSIAN.importance();
    int rowBytes = (int) type.rowBytes(Rows.LENGTH);
    for (BlockEncoder encoder : List.of(fast(type), thorough(type))) {
      byte[] whole = encode(encoder, values, Rows.LENGTH, importance);
      for (int row = 0; row < Rows.COUNT; row++) {
        float[] one = Arrays.copyOfRange(values, row * Rows.LENGTH, (row + 1) * Rows.LENGTH);
        assertArrayEquals(
            Arrays.copyOfRange(whole, row * rowBytes, (row + 1) * rowBytes),
            encode(encoder, one, Rows.LENGTH, importance));
      }
    }
  }

  /// More rows than are worked on together.
  @ParameterizedTest
  @MethodSource("types")
  void largeMatricesAreEncodedWhole(GgmlType type) {
    float[] values = Rows.GAUSSIAN.generate();
    int copies = 9;
    float[] many = new float[copies * values.length];
    for (int i = 0; i < copies; i++) {
      System.arraycopy(values, 0, many, i * values.length, values.length);
    }
    byte[] once = encode(fast(type), values, Rows.LENGTH, null);
    byte[] often = encode(fast(type), many, Rows.LENGTH, null);
    for (int i = 0; i < copies; i++) {
      assertArrayEquals(
          once, Arrays.copyOfRange(often, i * once.length, (i + 1) * once.length), "copy " + i);
    }
  }

  @ParameterizedTest
  @MethodSource("types")
  void refusesBadInput(GgmlType type) {
    for (BlockEncoder encoder : List.of(fast(type), thorough(type))) {
      assertEquals("row 1, column 3 is NaN", refusal(encoder, Float.NaN));
      assertEquals("row 1, column 3 is -Infinity", refusal(encoder, Float.NEGATIVE_INFINITY));
      assertTrue(refusal(encoder, 1e30f).contains("too large"));
      float[] values = Rows.GAUSSIAN.generate();
      assertThrows(
          IllegalArgumentException.class,
          () -> encode(encoder, values, Rows.LENGTH, new float[Rows.LENGTH - 1]));
      float[] negative = new float[Rows.LENGTH];
      negative[7] = -1;
      assertThrows(
          IllegalArgumentException.class, () -> encode(encoder, values, Rows.LENGTH, negative));
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment src = arena.allocate(Rows.LENGTH * Float.BYTES);
        MemorySegment dst = arena.allocate(type.rowBytes(Rows.LENGTH));
        assertThrows(
            IllegalArgumentException.class, () -> encoder.encode(src, dst, 2, Rows.LENGTH, null));
        assertThrows(
            IllegalArgumentException.class,
            () -> encoder.encode(src, dst.asSlice(1), 1, Rows.LENGTH, null));
        assertThrows(
            IllegalArgumentException.class, () -> encoder.encode(src, dst, -1, Rows.LENGTH, null));
      }
    }
  }

  private static String refusal(BlockEncoder encoder, float value) {
    float[] values = Rows.GAUSSIAN.generate();
    values[Rows.LENGTH + 3] = value;
    return assertThrows(
            IllegalArgumentException.class, () -> encode(encoder, values, Rows.LENGTH, null))
        .getMessage();
  }

  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      names = {"TQ2_0", "Q2_0"})
  void errorIsNearTheOptimum(GgmlType type) {
    float[] values = Rows.GAUSSIAN.generate();
    float[] importance = Columns.SQUARED_GAUSSIAN.importance();
    double optimum = 0;
    for (int start = 0; start < values.length; start += type.blockSize()) {
      optimum += exhaustiveSearch(type, values, importance, start);
    }
    for (Effort effort : Effort.values()) {
      BlockEncoder encoder = BlockEncoders.fitted(type, effort);
      float[] fitted = decode(type, encode(encoder, values, Rows.LENGTH, importance));
      double ours = error(values, fitted, importance, 0, values.length);
      double most = effort == Effort.FAST ? 1.02 : 1.0005;
      assertTrue(ours < most * optimum, effort + ": " + ours + "; optimum: " + optimum);
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
          double w = Columns.weight(importance, i);
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

  @Test
  void longTailOnTheNegativeSideGetsANegativeScale() {
    float[] values = new float[64];
    Arrays.fill(values, 0, 32, 0.1f);
    Arrays.fill(values, 32, 64, -0.2f);
    float[] decoded = decode(GgmlType.Q2_0, encode(fast(GgmlType.Q2_0), values, 64, null));
    // All levels are exact but for the rounding of the scale to float16.
    assertArrayEquals(values, decoded, 1e-4f);
  }

  private static BlockEncoder fast(GgmlType type) {
    return BlockEncoders.fitted(type, Effort.FAST);
  }

  private static BlockEncoder thorough(GgmlType type) {
    return BlockEncoders.fitted(type, Effort.THOROUGH);
  }
}
