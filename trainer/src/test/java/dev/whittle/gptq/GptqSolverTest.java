package dev.whittle.gptq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.BlockFormat;
import dev.whittle.blocks.Effort;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.training.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class GptqSolverTest {
  private static final int ROWS = 70;
  private static final int COLUMNS = 512;
  private static final int TOKENS = 1500;

  /// The same for all tests, which take most of a second to sum it up.
  private static final Hessian HESSIAN = hessian(COLUMNS, TOKENS);

  private static final float[][] HESSIAN_ROWS = new float[COLUMNS][];

  static {
    for (int i = 0; i < COLUMNS; i++) {
      HESSIAN_ROWS[i] = Arrays.copyOfRange(HESSIAN.sums(), i * COLUMNS, (i + 1) * COLUMNS);
    }
  }

  private final Arena arena = Arena.ofShared();
  private final Workers workers = new Workers(2);
  private final List<String> warnings = new ArrayList<>();
  private final Random random = new Random(11);
  private final MemorySegment weights = floats(ROWS, COLUMNS);

  @AfterEach
  void close() {
    workers.close();
    arena.close();
  }

  private static Stream<GgmlType> types() {
    return Arrays.stream(GgmlType.values()).filter(type -> BlockFormat.of(type).isPresent());
  }

  @ParameterizedTest
  @MethodSource("types")
  void outputsChangeLessThanByRoundingOnEveryGrid(GgmlType type) {
    MemorySegment rounded = blocks(type);
    BlockEncoders.fitted(type, Effort.THOROUGH)
        .encode(weights, rounded, ROWS, COLUMNS, HESSIAN.importance("w"));
    double before = outputError(decoded(type, rounded));
    double after = outputError(decoded(type, solved(type, ColumnOrder.BLOCKS)));
    assertTrue(after < before, type + ": " + after + " is not below " + before);
  }

  @ParameterizedTest
  @EnumSource(ColumnOrder.class)
  void everyOrderIsBetterThanRounding(ColumnOrder order) {
    MemorySegment rounded = blocks(GgmlType.Q3_K);
    BlockEncoders.fitted(GgmlType.Q3_K, Effort.THOROUGH)
        .encode(weights, rounded, ROWS, COLUMNS, HESSIAN.importance("w"));
    double before = outputError(decoded(GgmlType.Q3_K, rounded));
    assertTrue(outputError(decoded(GgmlType.Q3_K, solved(GgmlType.Q3_K, order))) < before);
    assertTrue(warnings.isEmpty(), warnings.toString());
  }

  /// The errors over U's diagonal, squared and summed up, are the damped error of the outputs: with
  /// what ggml decodes the blocks to, so it also tells that the codes and scales that the solver
  /// goes on with are those of the bytes.
  @ParameterizedTest
  @MethodSource("types")
  void theReportedErrorIsThatOfTheDecodedBlocks(GgmlType type) {
    for (ColumnOrder order : ColumnOrder.values()) {
      MemorySegment blocks = blocks(type);
      double reported =
          solver(order)
              .solve(
                  "w",
                  BlockFormat.of(type).orElseThrow(),
                  weights,
                  ROWS,
                  HESSIAN,
                  blocks,
                  masters());
      float[] difference = difference(decoded(type, blocks));
      double damping =
          0.01 * IntStream.range(0, COLUMNS).mapToDouble(i -> HESSIAN.at(i, i)).average().orElse(0);
      double squares = 0;
      for (float d : difference) {
        squares += (double) d * d;
      }
      double expected = error(difference) + damping * squares;
      // Values are float32, and so is U; the error is a small difference of them in fine formats.
      assertEquals(expected, reported, 2e-3 * expected, type + " " + order);
    }
  }

  @Test
  void theFactorIsThatOfTheInverse() {
    Hessian small = hessian(40, 100);
    int[] order = IntStream.range(0, 40).map(i -> 39 - i).toArray();
    float[][] rows = InverseFactor.of(small, order, 0.5).orElseThrow().rows();
    for (int i = 0; i < 40; i++) {
      for (int j = 0; j < 40; j++) {
        // (H + λI) Uᵀ U is the identity.
        double sum = 0;
        for (int k = 0; k < 40; k++) {
          double inverse = 0;
          for (int l = 0; l <= Math.min(k, j); l++) {
            inverse += (double) rows[l][k - l] * rows[l][j - l];
          }
          sum += (small.at(order[i], order[k]) + (i == k ? 0.5 : 0)) * inverse;
        }
        // Float32 factors times a condition number of about a hundred.
        assertEquals(i == j ? 1 : 0, sum, 1e-3);
      }
    }
  }

  @Test
  void blocksDoNotDependOnThreads() {
    MemorySegment two = solved(GgmlType.Q2_K, ColumnOrder.BLOCKS);
    MemorySegment one = blocks(GgmlType.Q2_K);
    try (Workers single = new Workers(1)) {
      new GptqSolver(GptqSettings.defaults(), single, warnings::add)
          .solve(
              "w",
              BlockFormat.of(GgmlType.Q2_K).orElseThrow(),
              weights,
              ROWS,
              HESSIAN,
              one,
              masters());
    }
    assertEquals(-1, one.mismatch(two));
  }

  @Test
  void tooFewTokensAndDeadInputsAreWarnedOf() {
    float[] sums = hessian(COLUMNS, 20).sums().clone();
    for (int i = 0; i < COLUMNS; i++) {
      sums[3 * COLUMNS + i] = 0;
      sums[i * COLUMNS + 3] = 0;
    }
    MemorySegment blocks = blocks(GgmlType.Q4_0);
    solver(ColumnOrder.BLOCKS)
        .solve(
            "blk.7.ffn_up.weight",
            BlockFormat.of(GgmlType.Q4_0).orElseThrow(),
            weights,
            ROWS,
            new Hessian(COLUMNS, sums, 20),
            blocks,
            masters());
    assertEquals(2, warnings.size(), warnings.toString());
    assertTrue(warnings.stream().allMatch(w -> w.contains("blk.7.ffn_up.weight")));
    for (float value : decoded(GgmlType.Q4_0, blocks)) {
      assertTrue(Float.isFinite(value));
    }
  }

  @Test
  void aHessianThatIsNotPositiveDefiniteIsDampedOrRefused() {
    float[] sums = HESSIAN.sums().clone();
    // Beyond the product of the diagonals: no sum of products is like that.
    sums[1] *= 1e5f;
    sums[COLUMNS] = sums[1];
    QuantizationException e =
        assertThrows(
            QuantizationException.class,
            () -> solve(GgmlType.Q4_0, weights, new Hessian(COLUMNS, sums, TOKENS)));
    assertTrue(e.getMessage().contains("'w'"), e.getMessage());
    assertTrue(e.getMessage().contains("positive definite"), e.getMessage());
  }

  @Test
  void whatIsNotFiniteIsRefused() {
    float[] sums = HESSIAN.sums().clone();
    sums[5 * COLUMNS + 5] = Float.NaN;
    String input =
        assertThrows(
                QuantizationException.class,
                () -> solve(GgmlType.Q4_0, weights, new Hessian(COLUMNS, sums, TOKENS)))
            .getMessage();
    assertTrue(input.contains("input 5 of 'w'"), input);
    weights.setAtIndex(ValueLayout.JAVA_FLOAT, 66L * COLUMNS + 9, Float.POSITIVE_INFINITY);
    String weight =
        assertThrows(QuantizationException.class, () -> solve(GgmlType.Q4_0, weights, HESSIAN))
            .getMessage();
    assertTrue(weight.contains("'w' has Infinity in row 66, column 9"), weight);
  }

  @Test
  void ordersKeepBlocksAndSubBlocksTogether() {
    BlockFormat format = BlockFormat.of(GgmlType.Q2_K).orElseThrow();
    double[] energies = random.doubles(COLUMNS).toArray();
    int[] order = ColumnOrder.BLOCKS.order(format, energies);
    for (int i = 0; i < COLUMNS; i++) {
      assertEquals(order[i - i % 256] / 256, order[i] / 256);
      assertEquals(order[i - i % 16] / 16, order[i] / 16);
      assertFalse(i % 16 > 0 && energies[order[i - 1]] < energies[order[i]]);
    }
    assertEquals(COLUMNS, Arrays.stream(order).distinct().count());
  }

  private MemorySegment solved(GgmlType type, ColumnOrder order) {
    MemorySegment blocks = blocks(type);
    solver(order)
        .solve("w", BlockFormat.of(type).orElseThrow(), weights, ROWS, HESSIAN, blocks, masters());
    return blocks;
  }

  private void solve(GgmlType type, MemorySegment from, Hessian with) {
    solver(ColumnOrder.BLOCKS)
        .solve("w", BlockFormat.of(type).orElseThrow(), from, ROWS, with, blocks(type), masters());
  }

  private GptqSolver solver(ColumnOrder order) {
    return new GptqSolver(new GptqSettings(0.01, order), workers, warnings::add);
  }

  private MemorySegment blocks(GgmlType type) {
    return arena.allocate(type.rowBytes(COLUMNS) * ROWS);
  }

  private MemorySegment masters() {
    return arena.allocate((long) ROWS * COLUMNS * Float.BYTES, Float.BYTES);
  }

  private float[] decoded(GgmlType type, MemorySegment blocks) {
    MemorySegment values = arena.allocate((long) ROWS * COLUMNS * Float.BYTES, Float.BYTES);
    BlockCodec.of(type).decode(blocks, values, (long) ROWS * COLUMNS);
    return values.toArray(ValueLayout.JAVA_FLOAT);
  }

  private double outputError(float[] quantized) {
    return error(difference(quantized));
  }

  private float[] difference(float[] quantized) {
    float[] difference = new float[quantized.length];
    for (int i = 0; i < difference.length; i++) {
      difference[i] = weights.getAtIndex(ValueLayout.JAVA_FLOAT, i) - quantized[i];
    }
    return difference;
  }

  /// tr(E Σxxᵀ Eᵀ)
  private static double error(float[] difference) {
    double error = 0;
    float[] row = new float[COLUMNS];
    for (int first = 0; first < difference.length; first += COLUMNS) {
      System.arraycopy(difference, first, row, 0, COLUMNS);
      for (int i = 0; i < COLUMNS; i++) {
        error += (double) row[i] * product(HESSIAN_ROWS[i], row);
      }
    }
    return error;
  }

  private MemorySegment floats(int rows, int columns) {
    MemorySegment segment = arena.allocate((long) rows * columns * Float.BYTES, Float.BYTES);
    for (long i = 0; i < (long) rows * columns; i++) {
      segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian() / 20);
    }
    return segment;
  }

  /// Of inputs that depend on their neighbours, and are of different sizes.
  private static Hessian hessian(int columns, int tokens) {
    Random random = new Random(12);
    // By column: sums of products of neighbours in memory.
    float[][] x = new float[columns][tokens];
    for (int t = 0; t < tokens; t++) {
      double previous = 0;
      for (int i = 0; i < columns; i++) {
        previous = 0.8 * previous + random.nextGaussian();
        x[i][t] = (float) (previous * (1 + i % 7));
      }
    }
    float[] sums = new float[columns * columns];
    for (int i = 0; i < columns; i++) {
      for (int j = 0; j <= i; j++) {
        sums[i * columns + j] = product(x[i], x[j]);
        sums[j * columns + i] = sums[i * columns + j];
      }
    }
    return new Hessian(columns, sums, tokens);
  }

  /// In several sums, which the compiler turns into vector code.
  private static float product(float[] a, float[] b) {
    float[] sums = new float[16];
    int whole = a.length - a.length % sums.length;
    for (int t = 0; t < whole; t += sums.length) {
      for (int lane = 0; lane < sums.length; lane++) {
        sums[lane] += a[t + lane] * b[t + lane];
      }
    }
    for (int t = whole; t < a.length; t++) {
      sums[0] += a[t] * b[t];
    }
    float sum = 0;
    for (float s : sums) {
      sum += s;
    }
    return sum;
  }
}
