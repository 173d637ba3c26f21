package dev.whittle.onednn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Products against sums in float64 of the same rounded factors, which leave the order of float32
/// sums: 1e-5 of the result's size. Attention against its formula; its gradient is checked where
/// the autograd uses it.
class OneDnnTest {
  private static final double TOLERANCE = 1e-5;

  private final Backend backend = Backend.cpu(2);
  private final TensorContext leaves = new TensorContext(16);
  private final TensorContext context = new TensorContext(32);
  private final GraphAllocator allocator = new GraphAllocator(backend);
  private final Operations ops = new Operations(context);
  private final Random random = new Random(3);
  private OneDnn library;

  @BeforeEach
  void find() {
    assumeTrue(OneDnn.find().isPresent(), OneDnn::absence);
    library = OneDnn.find().orElseThrow();
  }

  @AfterEach
  void close() {
    allocator.close();
    context.close();
    leaves.close();
    backend.close();
  }

  private float[] run(Tensor result) {
    Graph graph = new Graph(context, "a test", 32).expand(result.asOutput());
    allocator.reserve(graph);
    allocator.allocate(graph);
    backend.compute(graph);
    return result.readFloats();
  }

  /// Random numbers that BF16 holds exactly.
  private float[] randomize(Tensor tensor) {
    float[] values = new float[(int) tensor.elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          Float.intBitsToFloat(Float.floatToRawIntBits((float) random.nextGaussian()) & 0xffff0000);
    }
    tensor.write(values);
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "BF16, 64, 96, 80, false, false",
    "BF16, 128, 33, 7, true, false",
    "BF16, 31, 65, 50, false, true",
    "BF16, 40, 256, 129, true, true",
    "F32, 70, 34, 90, true, true",
    "F32, 64, 1, 1, false, false"
  })
  void aProductIsTheSumOverDimensionZero(
      GgmlType type, int k, int n, int m, boolean aTransposed, boolean bTransposed) {
    Tensor a =
        aTransposed ? leaves.newTensor(GgmlType.F32, n, k) : leaves.newTensor(GgmlType.F32, k, n);
    Tensor b =
        bTransposed ? leaves.newTensor(GgmlType.F32, m, k) : leaves.newTensor(GgmlType.F32, k, m);
    Tensor total = leaves.newTensor(GgmlType.F32, n, m);
    leaves.allocate(backend);
    float[] av = randomize(a);
    float[] bv = randomize(b);
    float[] before = randomize(total);
    Tensor left = factor(a, type, aTransposed);
    Tensor right = factor(b, type, bTransposed);
    Tensor product = library.multiply(ops, left, right);
    Tensor sum = library.addProduct(ops, total, left, right);
    float[] plain = run(ops.add(product, ops.scale(sum, 0)));
    float[] added = total.readFloats();
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < m; j++) {
        double expected = 0;
        double size = 0;
        for (int l = 0; l < k; l++) {
          double term =
              (double) av[aTransposed ? l * n + i : i * k + l]
                  * bv[bTransposed ? l * m + j : j * k + l];
          expected += term;
          size += Math.abs(term);
        }
        assertEquals(expected, plain[j * n + i], TOLERANCE * size);
        assertEquals(expected + before[j * n + i], added[j * n + i], TOLERANCE * (size + 1));
      }
    }
  }

  private Tensor factor(Tensor values, GgmlType type, boolean transposed) {
    Tensor typed = type == GgmlType.F32 ? values : ops.cast(values, type);
    return transposed ? ops.transpose(typed) : typed;
  }

  @ParameterizedTest
  @CsvSource({"16, 4, 2, 9, 2", "32, 2, 2, 64, 1", "8, 6, 1, 150, 3"})
  void attentionSeesTheDocumentUpToTheToken(
      int head, int heads, int keyValueHeads, int length, int rows) {
    Tensor q = leaves.newTensor(GgmlType.F32, head, heads, length * rows);
    Tensor k = leaves.newTensor(GgmlType.F32, head, keyValueHeads, length * rows);
    Tensor v = leaves.newTensor(GgmlType.F32, head, keyValueHeads, length * rows);
    Tensor starts = leaves.newTensor(GgmlType.I32, length, rows);
    leaves.allocate(backend);
    float[] qv = randomize(q);
    float[] kv = randomize(k);
    float[] vv = randomize(v);
    int[] begins = new int[length * rows];
    for (int i = 1; i < begins.length; i++) {
      // A new document every now and then, and at every row.
      begins[i] = i % length == 0 ? 0 : random.nextInt(20) == 0 ? i % length : begins[i - 1];
    }
    starts.write(begins);
    float scale = 0.3f;
    float[] out = run(library.attention(ops, q, k, v, starts, scale));
    int group = heads / keyValueHeads;
    for (int t = 0; t < length * rows; t++) {
      int first = t - t % length + begins[t];
      for (int h = 0; h < heads; h++) {
        double[] expected = new double[head];
        double sum = 0;
        for (int s = first; s <= t; s++) {
          double score = 0;
          int key = (s * keyValueHeads + h / group) * head;
          for (int d = 0; d < head; d++) {
            score += (double) qv[(t * heads + h) * head + d] * kv[key + d];
          }
          double p = Math.exp(scale * score);
          sum += p;
          for (int d = 0; d < head; d++) {
            expected[d] += p * vv[key + d];
          }
        }
        for (int d = 0; d < head; d++) {
          assertEquals(expected[d] / sum, out[(t * heads + h) * head + d], TOLERANCE);
        }
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    Tensor a = leaves.newTensor(GgmlType.F32, 8, 4);
    Tensor b = leaves.newTensor(GgmlType.F32, 7, 4);
    Tensor f16 = leaves.newTensor(GgmlType.F16, 8, 4);
    assertThrows(IllegalArgumentException.class, () -> library.multiply(ops, a, b));
    assertThrows(IllegalArgumentException.class, () -> library.multiply(ops, f16, f16));
    assertThrows(IllegalArgumentException.class, () -> library.addProduct(ops, b, a, a));
    Tensor q = leaves.newTensor(GgmlType.F32, 8, 3, 10);
    Tensor k = leaves.newTensor(GgmlType.F32, 8, 2, 10);
    Tensor starts = leaves.newTensor(GgmlType.I32, 10, 1);
    assertThrows(IllegalArgumentException.class, () -> library.attention(ops, q, k, k, starts, 1));
  }
}
