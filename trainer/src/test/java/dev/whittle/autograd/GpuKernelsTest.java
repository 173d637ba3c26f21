package dev.whittle.autograd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.DeviceSelection;
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
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every rule as it is composed for GPUs, on the CPU and on every GPU there is, with and without
/// Whittle's own kernels, against the same rule as it is composed for CPUs.
///
/// The gradients' products read BF16 on a CPU and TF32 on a GPU: 1e-2 of the length of a result is
/// allowed, which is two roundings of 2⁻⁸, and 2e-2 after attention's chain of products.
/// Elementwise rules must agree to 1e-4 (a GPU's exponentials are approximate).
class GpuKernelsTest {
  private static final double ELEMENTWISE = 1e-4;
  private static final double PRODUCT = 1e-2;
  private static final double ATTENTION = 2e-2;

  static Stream<Device> devices() {
    return Stream.concat(
        Stream.of(Device.cpu()), DeviceSelection.automatic().accelerators().stream());
  }

  /// The leaves of a case: variables, weights, integers; filled alike on every device.
  private static final class Leaves implements AutoCloseable {
    final Backend backend;
    final TensorContext context = new TensorContext(64);
    final List<Variable> inputs = new ArrayList<>();
    final List<Weight> weights = new ArrayList<>();
    private final List<Runnable> later = new ArrayList<>();
    private final Random random = new Random(11);

    Leaves(Backend backend) {
      this.backend = backend;
    }

    Variable input(long... shape) {
      Variable variable = new Variable(floats(shape), true);
      inputs.add(variable);
      return variable;
    }

    Tensor floats(long... shape) {
      Tensor tensor = context.newTensor(GgmlType.F32, shape);
      later.add(() -> tensor.write(gaussian(tensor)));
      return tensor;
    }

    private float[] gaussian(Tensor tensor) {
      float[] values = new float[(int) tensor.elements()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      return values;
    }

    Weight vector(long n) {
      Weight weight = new Weight("v", floats(n), null, context.newTensor(GgmlType.F32, n));
      weights.add(weight);
      return weight;
    }

    /// A matrix in BF16, as decoded blocks are.
    Weight matrix(int inputs, int outputs) {
      Tensor value = context.newTensor(GgmlType.BF16, inputs, outputs);
      Tensor transposed = context.newTensor(GgmlType.BF16, outputs, inputs);
      later.add(() -> {
        short[] bits = new short[inputs * outputs];
        short[] turned = new short[inputs * outputs];
        for (int i = 0; i < bits.length; i++) {
          bits[i] = (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16);
          turned[i % inputs * outputs + i / inputs] = bits[i];
        }
        value.write(MemorySegment.ofArray(bits), 0);
        transposed.write(MemorySegment.ofArray(turned), 0);
      });
      Weight weight =
          new Weight("w", value, transposed, context.newTensor(GgmlType.F32, inputs, outputs));
      weights.add(weight);
      return weight;
    }

    Tensor integers(int n) {
      Tensor tensor = context.newTensor(GgmlType.I32, n);
      later.add(() -> {
        int[] values = new int[n];
        Arrays.setAll(values, i -> 3 * i);
        tensor.write(values);
      });
      return tensor;
    }

    /// Two documents a row: tokens 0 to 6, and the rest.
    Tensor mask(int length, int rows) {
      Tensor mask = context.newTensor(GgmlType.F32, length, length, 1, rows);
      later.add(() -> {
        float[] values = new float[length * length * rows];
        for (int i = 0; i < values.length; i++) {
          int query = i / length % length;
          int key = i % length;
          boolean seen = key <= query && (query < 7 || key >= 7);
          values[i] = seen ? 0f : Float.NEGATIVE_INFINITY;
        }
        mask.write(values);
      });
      return mask;
    }

    /// The same in the other form.
    Tensor starts(int length, int rows) {
      Tensor starts = context.newTensor(GgmlType.I32, length, rows);
      later.add(() -> {
        int[] values = new int[length * rows];
        Arrays.setAll(values, i -> i % length < 7 ? 0 : 7);
        starts.write(values);
      });
      return starts;
    }

    void fill() {
      context.allocate(backend);
      later.forEach(Runnable::run);
    }

    @Override
    public void close() {
      context.close();
    }
  }

  /// The result of a case and its gradients, those at the inputs before those at the weights.
  private static List<float[]> run(
      Backend backend, Kernels kernels, BiFunction<Tape, Leaves, Variable> build) {
    try (Leaves leaves = new Leaves(backend);
        TensorContext context = new TensorContext(256);
        TensorContext backContext = new TensorContext(256);
        GraphAllocator allocator = new GraphAllocator(backend);
        GraphAllocator backAllocator = new GraphAllocator(backend)) {
      Operations ops = new Operations(context);
      Tensor ones = leaves.context.newTensor(GgmlType.F32, 1, 4096);
      Tape tape = new Tape(ops, kernels);
      Variable y = build.apply(tape, leaves);
      // In F32, whatever the rule gives.
      Tensor result =
          y.tensor().type() == GgmlType.F32 ? y.tensor() : ops.cast(y.tensor(), GgmlType.F32);
      result.asOutput();
      Tensor seed =
          leaves.floats(
              y.tensor().dimension(0),
              y.tensor().dimension(1),
              y.tensor().dimension(2),
              y.tensor().dimension(3));
      leaves.fill();
      float[] one = new float[4096];
      Arrays.fill(one, 1f);
      ones.write(one);
      Graph forward = new Graph(context, "forward", 256).expand(result);
      tape.savedTensors().forEach(saved -> forward.expand(saved.asOutput()));
      allocator.reserve(forward);
      allocator.allocate(forward);
      Operations backOps = new Operations(backContext);
      Gradients gradients = tape.differentiate(y, seed, backOps, ones);
      Graph backward = new Graph(backContext, "backward", 256);
      List<Tensor> results = new ArrayList<>();
      for (Variable input : leaves.inputs) {
        Tensor gradient = gradients.at(input).asOutput();
        backward.expand(gradient);
        results.add(gradient);
      }
      gradients.accumulations().forEach(backward::expand);
      backAllocator.reserve(backward);
      backAllocator.allocate(backward);
      assertEquals(Set.of(), backend.unsupportedOperations(List.of(forward, backward)));
      backend.compute(List.of(forward, backward));
      List<float[]> values = new ArrayList<>();
      values.add(result.readFloats());
      results.forEach(t -> values.add(t.readFloats()));
      leaves.weights.forEach(w -> values.add(w.gradient().readFloats()));
      return values;
    }
  }

  private static void compare(
      Device device, double tolerance, BiFunction<Tape, Leaves, Variable> build) {
    List<float[]> expected;
    try (Backend cpu = Backend.cpu(1)) {
      expected = run(cpu, Kernels.ggml(), build);
    }
    try (Backend backend = Backend.on(device, 1)) {
      compare(expected, run(backend, Kernels.gpu(), build), tolerance);
      if (!backend.isHost()) {
        compare(expected, run(backend, Kernels.of(backend), build), tolerance);
      }
    }
  }

  private static void compare(List<float[]> expected, List<float[]> actual, double tolerance) {
    for (int i = 0; i < expected.size(); i++) {
      double difference = 0;
      double length = 0;
      for (int j = 0; j < expected.get(i).length; j++) {
        double d = expected.get(i)[j] - actual.get(i)[j];
        difference += d * d;
        length += (double) expected.get(i)[j] * expected.get(i)[j];
      }
      double error = Math.sqrt(difference / length);
      assertTrue(error < tolerance, "result " + i + " is off by " + error + " of its length");
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void linear(Device device) {
    compare(device, PRODUCT, (tape, l) -> tape.linear(l.matrix(64, 48), l.input(64, 40)));
  }

  @ParameterizedTest
  @MethodSource("devices")
  void linearTwice(Device device) {
    compare(
        device,
        PRODUCT,
        (tape, l) -> {
          Variable x = l.input(64, 40);
          return tape.add(tape.linear(l.matrix(64, 32), x), tape.linear(l.matrix(64, 32), x));
        });
  }

  @ParameterizedTest
  @MethodSource("devices")
  void bias(Device device) {
    compare(device, ELEMENTWISE, (tape, l) -> tape.addBias(l.input(33, 17), l.vector(33)));
  }

  @ParameterizedTest
  @MethodSource("devices")
  void rmsNorm(Device device) {
    compare(
        device, ELEMENTWISE, (tape, l) -> tape.rmsNorm(l.input(64, 3, 21), l.vector(64), 1e-6f));
  }

  @ParameterizedTest
  @MethodSource("devices")
  void swiglu(Device device) {
    compare(device, ELEMENTWISE, (tape, l) -> tape.swiglu(l.input(40, 11), l.input(40, 11)));
  }

  @ParameterizedTest
  @MethodSource("devices")
  void rope(Device device) {
    for (Rope.Pairing pairing : Rope.Pairing.values()) {
      compare(
          device,
          ELEMENTWISE,
          (tape, l) ->
              tape.rope(
                  l.input(16, 2, 9),
                  l.integers(9),
                  new Rope(16, pairing, 0, 1e4f, 0.5f, null, 0f, 1f, 32f, 1f)));
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void attention(Device device) {
    attention(device, 4, 2);
    attention(device, 3, 3);
  }

  private static void attention(Device device, int heads, int keyValueHeads) {
    int length = 16;
    int rows = 2;
    compare(
        device,
        ATTENTION,
        (tape, l) ->
            tape.attention(
                l.input(32, heads, length * rows),
                l.input(32, keyValueHeads, length * rows),
                l.input(32, keyValueHeads, length * rows),
                new AttentionMask(l.mask(length, rows), l.starts(length, rows)),
                0.2f));
  }
}
