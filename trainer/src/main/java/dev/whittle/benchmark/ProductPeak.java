package dev.whittle.benchmark;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;

/// The rate of a large matrix product in BF16, the fastest that training could possibly run at.
public final class ProductPeak implements AutoCloseable {
  private static final int SIZE = 1024;
  private static final int TOKENS = 512;
  private static final int PRODUCTS = 8;

  private final Backend backend;
  private final TensorContext leaves = new TensorContext(4);
  private final TensorContext context = new TensorContext(64);
  private final GraphAllocator allocator;
  private final Graph graph;

  /// Prepares a graph of products [1024 × 1024] · [1024 × 512].
  public ProductPeak(Backend backend) {
    this.backend = backend;
    Tensor matrix = leaves.newTensor(GgmlType.BF16, SIZE, SIZE);
    Tensor x = leaves.newTensor(GgmlType.F32, SIZE, TOKENS);
    leaves.allocate(backend);
    Operations ops = new Operations(context);
    graph = new Graph(context, "matrix products", 64);
    for (int i = 0; i < PRODUCTS; i++) {
      graph.expand(ops.multiplyMatrices(matrix, x).asOutput());
    }
    allocator = new GraphAllocator(backend);
    allocator.reserve(graph);
    allocator.allocate(graph);
    backend.compute(graph);
  }

  /// Runs the products once.
  ///
  /// @return floating-point operations a second
  public double measure() {
    long start = System.nanoTime();
    backend.compute(graph);
    double seconds = (System.nanoTime() - start) / 1e9;
    return 2.0 * SIZE * SIZE * TOKENS * PRODUCTS / seconds;
  }

  @Override
  public void close() {
    allocator.close();
    context.close();
    leaves.close();
  }
}
