package dev.whittle.benchmark;

import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.autograd.Weight;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/// The rate of a large matrix product in BF16: with the fastest kernels, what training could
/// possibly run at.
public final class ProductPeak implements AutoCloseable {
  private static final int PRODUCTS = 8;

  /// [size × size] · [size × tokens]: large enough for the full rate.
  private record Shape(int size, int tokens) {
    static Shape suiting(Backend backend) {
      return backend.isHost() ? new Shape(1024, 512) : new Shape(8192, 8192);
    }
  }

  private final Backend backend;
  private final TensorContext leaves = new TensorContext(4);
  private final TensorContext context = new TensorContext(64);
  private final GraphAllocator allocator;
  private final Graph graph;
  private final Shape shape;

  /// Prepares a graph of products: [1024 × 1024] · [1024 × 512] on a CPU, [8192 × 8192] · [8192 ×
  /// 8192] on a GPU.
  ///
  /// @param kernels what computes them
  public ProductPeak(Backend backend, Kernels kernels) {
    this.backend = backend;
    shape = Shape.suiting(backend);
    Tensor matrix = leaves.newTensor(GgmlType.BF16, shape.size(), shape.size());
    // What the backend's kernel reads: the CPU's converts on the way, the GPU's beforehand.
    Tensor x =
        leaves.newTensor(
            backend.isHost() ? GgmlType.F32 : GgmlType.BF16, shape.size(), shape.tokens());
    leaves.allocate(backend);
    fill(matrix);
    fill(x);
    Tape tape = new Tape(new Operations(context), kernels);
    Variable inputs = tape.input(x, false);
    Weight weight = Weight.frozen("the peak's matrix", matrix);
    graph = new Graph(context, "matrix products", 64);
    for (int i = 0; i < PRODUCTS; i++) {
      graph.expand(tape.linear(weight, inputs).tensor().asOutput());
    }
    allocator = new GraphAllocator(backend);
    allocator.reserve(graph);
    allocator.allocate(graph);
    backend.compute(graph);
  }

  /// Some GPUs multiply zeros faster than other numbers.
  private static void fill(Tensor tensor) {
    SplittableRandom random = new SplittableRandom(1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(tensor.bytes(), 4);
      if (tensor.type() == GgmlType.F32) {
        for (long i = 0; i < tensor.elements(); i++) {
          values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-1, 1));
        }
      } else {
        for (long i = 0; i < tensor.elements(); i++) {
          int bits = Float.floatToRawIntBits((float) random.nextDouble(-1, 1));
          values.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (bits >>> 16));
        }
      }
      tensor.write(values, 0);
    }
  }

  /// Runs the products once.
  ///
  /// @return floating-point operations a second
  public double measure() {
    long start = System.nanoTime();
    backend.compute(graph);
    double seconds = (System.nanoTime() - start) / 1e9;
    return 2.0 * shape.size() * shape.size() * shape.tokens() * PRODUCTS / seconds;
  }

  @Override
  public void close() {
    allocator.close();
    context.close();
    leaves.close();
  }
}
