package dev.whittle.autograd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Rope;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Every backward rule against finite differences of its forward operation.
///
/// Rules in float32 throughout must agree to 2e-3: central differences with h = 1e-2 leave an error
/// of that order. Rules whose products run in BF16 (8 bits of mantissa, so 2⁻⁹ a factor) must agree
/// to 1e-2, and attention, which also rounds keys, values and probabilities to F16 in the forward
/// pass, to 2e-2; there h is six times as large, to stay well above the step of F16.
@ParameterizedClass
@MethodSource("kernels")
class TapeTest {
  private static final double FLOAT = 2e-3;
  private static final double BF16 = 1e-2;
  private static final double ATTENTION = 2e-2;
  private static final double H = 1e-2;

  @Parameter Kernels kernels;

  private final Backend backend = Backend.cpu(2);
  private final TensorContext leaves = new TensorContext(64);
  private final List<AutoCloseable> owned = new ArrayList<>();
  private final Random random = new Random(7);

  /// ggml's, which every backend has, also with gradients added in slices, and the fastest ones
  /// here, where those are others.
  static Set<Kernels> kernels() {
    try (Backend cpu = Backend.cpu(1)) {
      Kernels fastest = Kernels.of(cpu);
      Kernels sliced = new GgmlKernels(40);
      return fastest.getClass() == GgmlKernels.class
          ? Set.of(fastest, sliced)
          : Set.of(Kernels.ggml(), sliced, fastest);
    }
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable resource : owned.reversed()) {
      resource.close();
    }
    leaves.close();
    backend.close();
  }

  private Tensor leaf(long... shape) {
    return leaves.newTensor(GgmlType.F32, shape);
  }

  private void randomize(Tensor... tensors) {
    for (Tensor tensor : tensors) {
      float[] values = new float[(int) tensor.elements()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      tensor.write(values);
    }
  }

  /// A matrix in float32 with its transposed BF16 copy and a gradient.
  private Weight matrix(long inputs, long outputs) {
    return new Weight(
        "w",
        leaf(inputs, outputs),
        leaves.newTensor(GgmlType.BF16, outputs, inputs),
        leaf(inputs, outputs));
  }

  private Weight vector(long n) {
    return new Weight("v", leaf(n), null, leaf(n));
  }

  private void transpose(Weight w) {
    long inputs = w.value().dimension(0);
    long outputs = w.value().dimension(1);
    float[] values = w.value().readFloats();
    short[] bits = new short[values.length];
    for (int o = 0; o < outputs; o++) {
      for (int i = 0; i < inputs; i++) {
        int raw = Float.floatToRawIntBits(rounded(values[(int) (o * inputs + i)]));
        bits[(int) (i * outputs + o)] = (short) (raw >>> 16);
      }
    }
    w.transposed().write(MemorySegment.ofArray(bits), 0);
  }

  /// Checks the gradients of ⟨c, y⟩ with random c at the inputs and weights.
  ///
  /// @param kept whether the backward pass is a graph of its own
  private void check(
      Function<Tape, Variable> build,
      List<Variable> inputs,
      List<Weight> weights,
      double tolerance,
      double h,
      boolean kept) {
    TensorContext context = own(new TensorContext(256));
    Operations ops = new Operations(context);
    Tape tape = new Tape(ops, kernels);
    Variable y = build.apply(tape);
    y.tensor().asOutput();
    Tensor c =
        leaf(
            y.tensor().dimension(0),
            y.tensor().dimension(1),
            y.tensor().dimension(2),
            y.tensor().dimension(3));
    Tensor ones = leaf(1, 4096);
    leaves.allocate(backend);
    for (Variable input : inputs) {
      randomize(input.tensor());
    }
    for (Weight weight : weights) {
      randomize(weight.value());
      if (weight.transposed() != null) {
        transpose(weight);
      }
    }
    randomize(c);
    float[] one = new float[4096];
    Arrays.fill(one, 1f);
    ones.write(one);

    GraphAllocator allocator = own(new GraphAllocator(backend));
    Graph forward = new Graph(context, "forward", 256).expand(y.tensor());
    Operations backwardOps = ops;
    if (kept) {
      tape.savedTensors().forEach(Tensor::asOutput);
      allocator.reserve(forward);
      allocator.allocate(forward);
      backwardOps = new Operations(own(new TensorContext(256)));
    }
    Gradients gradients = tape.differentiate(y, c, backwardOps, ones);
    Graph backward = new Graph(backwardOps.context(), "backward", 256);
    if (!kept) {
      backward.expand(y.tensor());
    }
    for (Variable input : inputs) {
      backward.expand(gradients.at(input).asOutput());
    }
    gradients.accumulations().forEach(backward::expand);
    GraphAllocator second = kept ? own(new GraphAllocator(backend)) : allocator;
    second.reserve(backward);
    second.allocate(backward);

    if (kept) {
      backend.compute(forward);
    }
    backend.compute(backward);
    List<float[]> analytic = new ArrayList<>();
    for (Variable input : inputs) {
      analytic.add(read(gradients.at(input)));
    }
    for (Weight weight : weights) {
      analytic.add(weight.gradient().readFloats());
    }
    float[] direction = c.readFloats();
    Graph run = kept ? forward : backward;
    List<Tensor> varied = new ArrayList<>(inputs.stream().map(Variable::tensor).toList());
    weights.forEach(w -> varied.add(w.value()));
    for (int i = 0; i < varied.size(); i++) {
      double error =
          FiniteDifference.error(
              varied.get(i),
              analytic.get(i),
              () -> {
                backend.compute(run);
                float[] values = y.tensor().readFloats();
                double sum = 0;
                for (int j = 0; j < values.length; j++) {
                  sum += (double) values[j] * direction[j];
                }
                return sum;
              },
              h,
              i);
      assertTrue(error < tolerance, "input " + i + " is off by " + error);
    }
  }

  private static float[] read(Tensor tensor) {
    return tensor.readFloats();
  }

  private <T extends AutoCloseable> T own(T resource) {
    owned.add(resource);
    return resource;
  }

  private Variable input(long... shape) {
    return new Variable(leaf(shape), true);
  }

  @Test
  void linear() {
    Weight w = matrix(64, 48);
    Variable x = input(64, 40);
    check(tape -> tape.linear(w, x), List.of(x), List.of(w), BF16, H, false);
  }

  @Test
  void linearTwiceSharesItsInput() {
    Weight a = matrix(64, 32);
    Weight b = matrix(64, 32);
    Variable x = input(64, 40);
    check(
        tape -> tape.add(tape.linear(a, x), tape.linear(b, x)),
        List.of(x),
        List.of(a, b),
        BF16,
        H,
        true);
  }

  /// Forward and backward with BF16 factors on both sides: 2⁻⁸ a product at most.
  @Test
  void linearOfDecodedWeights() {
    int inputs = 64;
    int outputs = 48;
    int tokens = 40;
    Tensor value = leaves.newTensor(GgmlType.BF16, inputs, outputs);
    Weight w =
        new Weight(
            "w",
            value,
            kernels.needTransposed(GgmlType.BF16)
                ? leaves.newTensor(GgmlType.BF16, outputs, inputs)
                : null,
            leaf(inputs, outputs));
    Tensor x = leaf(inputs, tokens);
    Tensor seed = leaf(outputs, tokens);
    Tensor ones = leaf(1, tokens);
    leaves.allocate(backend);
    float[] matrix = new float[inputs * outputs];
    short[] bits = new short[matrix.length];
    short[] transposed = new short[matrix.length];
    for (int i = 0; i < matrix.length; i++) {
      bits[i] = (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16);
      matrix[i] = Float.intBitsToFloat(bits[i] << 16);
      transposed[i % inputs * outputs + i / inputs] = bits[i];
    }
    value.write(MemorySegment.ofArray(bits), 0);
    if (w.transposed() != null) {
      w.transposed().write(MemorySegment.ofArray(transposed), 0);
    }
    randomize(x, seed);

    TensorContext context = own(new TensorContext(128));
    Operations ops = new Operations(context);
    Tape tape = new Tape(ops, kernels);
    Variable input = tape.input(x, true);
    Variable y = tape.linear(w, input);
    Gradients gradients = tape.differentiate(y, seed, ops, ones);
    Graph graph = new Graph(context, "linear", 128).expand(y.tensor().asOutput());
    graph.expand(gradients.at(input).asOutput());
    gradients.accumulations().forEach(graph::expand);
    GraphAllocator allocator = own(new GraphAllocator(backend));
    allocator.reserve(graph);
    allocator.allocate(graph);
    backend.compute(graph);

    float[] xs = x.readFloats();
    float[] cs = seed.readFloats();
    // Every product as rows · columns of [n, k] and [m, k] in this order: Y, dX, dW.
    assertProduct(matrix, 1, inputs, xs, 1, inputs, inputs, y.tensor());
    assertProduct(matrix, inputs, 1, cs, 1, outputs, outputs, gradients.at(input));
    assertProduct(xs, inputs, 1, cs, outputs, 1, tokens, w.gradient());
  }

  /// Asserts that an element [i, j] is the sum over l of a[l · aInner + i · aOuter] times b
  /// likewise.
  private static void assertProduct(
      float[] a, int aInner, int aOuter, float[] b, int bInner, int bOuter, int k, Tensor actual) {
    float[] values = actual.readFloats();
    int n = (int) actual.dimension(0);
    for (int e = 0; e < values.length; e++) {
      double expected = 0;
      double size = 0;
      for (int l = 0; l < k; l++) {
        double term = (double) a[l * aInner + e % n * aOuter] * b[l * bInner + e / n * bOuter];
        expected += term;
        size += Math.abs(term);
      }
      assertEquals(expected, values[e], size / 256);
    }
  }

  @Test
  void bias() {
    Weight b = vector(33);
    Variable x = input(33, 17);
    check(tape -> tape.addBias(x, b), List.of(x), List.of(b), FLOAT, H, false);
  }

  @Test
  void addition() {
    Variable a = input(12, 10);
    Variable b = input(12, 10);
    check(tape -> tape.add(a, b), List.of(a, b), List.of(), FLOAT, H, false);
  }

  @Test
  void rmsNorm() {
    Weight w = vector(48);
    Variable x = input(48, 21);
    check(tape -> tape.rmsNorm(x, w, 1e-6f), List.of(x), List.of(w), FLOAT, H, false);
  }

  @Test
  void rmsNormOfHeads() {
    Weight w = vector(16);
    Variable x = input(16, 3, 21);
    check(tape -> tape.rmsNorm(x, w, 1e-6f), List.of(x), List.of(w), FLOAT, H, true);
  }

  @Test
  void swiglu() {
    Variable gate = input(40, 11);
    Variable up = input(40, 11);
    check(tape -> tape.swiglu(gate, up), List.of(gate, up), List.of(), FLOAT, H, false);
  }

  @Test
  void ropeOfHalves() {
    rope(Rope.Pairing.HALVES);
  }

  @Test
  void ropeOfNeighbours() {
    rope(Rope.Pairing.NEIGHBOURS);
  }

  private void rope(Rope.Pairing pairing) {
    Variable x = input(16, 2, 9);
    Tensor positions = leaves.newTensor(GgmlType.I32, 9);
    Tensor factors = leaf(8);
    Rope rope = new Rope(16, pairing, 0, 1e4f, 0.5f, factors, 0f, 1f, 32f, 1f);
    check(
        tape -> {
          positionsLater(positions, factors);
          return tape.rope(x, positions, rope);
        },
        List.of(x),
        List.of(),
        FLOAT,
        H,
        false);
  }

  /// Memory is there only once all leaves are made, so constants are bound to memory of their own.
  private void positionsLater(Tensor positions, Tensor factors) {
    java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofAuto();
    MemorySegment p = arena.allocate(positions.bytes(), 32);
    for (int i = 0; i < 9; i++) {
      p.setAtIndex(java.lang.foreign.ValueLayout.JAVA_INT, i, 3 * i);
    }
    leaves.bind(positions, p);
    MemorySegment f = arena.allocate(factors.bytes(), 32);
    for (int i = 0; i < 8; i++) {
      f.setAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, i, 1f + i);
    }
    leaves.bind(factors, f);
    keep.add(p);
    keep.add(f);
  }

  private final List<MemorySegment> keep = new ArrayList<>();

  @Test
  void reshape() {
    Variable x = input(12, 10);
    check(tape -> tape.reshape(x, 4, 3, 10), List.of(x), List.of(), FLOAT, H, false);
  }

  @Test
  void attentionWithGroupedHeads() {
    attention(4, 2, false);
  }

  @Test
  void attentionWithKeptActivations() {
    attention(3, 3, true);
  }

  private void attention(int heads, int keyValueHeads, boolean kept) {
    int length = 16;
    int rows = 2;
    Variable q = input(32, heads, length * rows);
    Variable k = input(32, keyValueHeads, length * rows);
    Variable v = input(32, keyValueHeads, length * rows);
    Tensor mask = leaf(length, length, 1, rows);
    java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofAuto();
    MemorySegment m = arena.allocate(mask.bytes(), 32);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < length; i++) {
        for (int j = 0; j < length; j++) {
          // Two documents a row: 0 to 6, and the rest.
          boolean seen = j <= i && (i < 7 || j >= 7);
          m.setAtIndex(
              java.lang.foreign.ValueLayout.JAVA_FLOAT,
              (row * length + i) * length + j,
              seen ? 0f : Float.NEGATIVE_INFINITY);
        }
      }
    }
    leaves.bind(mask, m);
    keep.add(m);
    Tensor starts = leaves.newTensor(GgmlType.I32, length, rows);
    MemorySegment s = arena.allocate(starts.bytes(), 32);
    for (int i = 0; i < length * rows; i++) {
      s.setAtIndex(java.lang.foreign.ValueLayout.JAVA_INT, i, i % length < 7 ? 0 : 7);
    }
    leaves.bind(starts, s);
    keep.add(s);
    AttentionMask both = new AttentionMask(mask, starts);
    check(
        tape -> tape.attention(q, k, v, both, 0.2f),
        List.of(q, k, v),
        List.of(),
        ATTENTION,
        6 * H,
        kept);
  }

  @Test
  void aFrozenWeightPassesTheGradientOnly() {
    TensorContext context = own(new TensorContext(64));
    Operations ops = new Operations(context);
    Tape tape = new Tape(ops, kernels);
    Weight frozen = new Weight("w", leaf(8, 4), leaves.newTensor(GgmlType.BF16, 4, 8), null);
    Variable x = input(8, 5);
    Tensor seed = leaf(4, 5);
    Tensor ones = leaf(1, 8);
    leaves.allocate(backend);
    Variable y = tape.linear(frozen, x);
    Gradients gradients = tape.differentiate(y, seed, ops, ones);
    assertEquals(List.of(), gradients.accumulations());
    assertEquals(8, gradients.at(x).dimension(0));
  }

  @Test
  void aGradientThroughAWeightWithoutTransposedCopyIsRefused() {
    TensorContext context = own(new TensorContext(64));
    Operations ops = new Operations(context);
    Tape tape = new Tape(ops, kernels);
    Variable x = input(8, 5);
    Variable y = tape.linear(Weight.frozen("blk.0.attn_q.weight", leaf(8, 4)), x);
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class, () -> tape.differentiate(y, leaf(4, 5), ops, leaf(1, 8)));
    assertTrue(e.getMessage().contains("blk.0.attn_q.weight"));
  }

  /// Two micro-batches, with shapes that no vector's length divides; products of BF16 factors are
  /// exact in F32, so that only their sums round.
  @Test
  void outerProductsOfTokensAreAddedUp() {
    int size = 75;
    int tokens = 131;
    Tensor x = leaf(size, tokens);
    Tensor sums = leaf(size, size);
    TensorContext context = own(new TensorContext(16));
    Tensor added = kernels.addOuterProducts(new Operations(context), sums, x);
    Graph graph = new Graph(context, "outer products", 16).expand(added);
    leaves.allocate(backend);
    GraphAllocator allocator = own(new GraphAllocator(backend));
    allocator.reserve(graph);
    allocator.allocate(graph);
    sums.clear();
    double[] wanted = new double[size * size];
    for (int batch = 0; batch < 2; batch++) {
      randomize(x);
      backend.compute(graph);
      float[] values = x.readFloats();
      for (int t = 0; t < tokens; t++) {
        for (int i = 0; i < wanted.length; i++) {
          wanted[i] +=
              rounded(values[t * size + i / size]) * (double) rounded(values[t * size + i % size]);
        }
      }
    }
    float[] found = sums.readFloats();
    for (int i = 0; i < wanted.length; i++) {
      assertEquals(wanted[i], found[i], 1e-5 * 2 * tokens, "element " + i);
    }
  }

  private static float rounded(float value) {
    int raw = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat((raw + 0x7fff + ((raw >>> 16) & 1)) & 0xffff0000);
  }
}
