package dev.whittle.onednn;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Kernel;
import dev.whittle.ggml.Tensor;
import dev.whittle.onednn.ProductShape.Steps;

/// A matrix product, or the addition of one, as a node of a graph.
///
/// In oneDNN's terms, with the contiguous dimension last: C [m × n] = Bᵀ [m × k] · A [k × n] for
/// ggml's `a` [k, n] and `b` [k, m].
final class Product implements Kernel {
  private final Primitives primitives;
  private final Tensor a;
  private final Tensor b;
  private final boolean accumulate;

  Product(Primitives primitives, Tensor a, Tensor b, boolean accumulate) {
    this.primitives = primitives;
    this.a = a;
    this.b = b;
    this.accumulate = accumulate;
  }

  @Override
  public void compute(Tensor result, int thread, int threads) {
    Tile tile = Tile.of(b.dimension(1), a.dimension(1), thread, threads);
    if (tile.isEmpty()) {
      return;
    }
    int element = a.type().blockBytes();
    ProductShape shape =
        new ProductShape(
            a.type(),
            tile.rows(),
            tile.columns(),
            a.dimension(0),
            new Steps(b.stride(1) / element, b.stride(0) / element),
            new Steps(a.stride(0) / element, a.stride(1) / element),
            result.stride(1) / GgmlType.F32.blockBytes(),
            1,
            accumulate);
    primitives
        .product(shape)
        .run(
            b.address() + tile.firstRow() * b.stride(1),
            a.address() + tile.firstColumn() * a.stride(1),
            result.address()
                + tile.firstRow() * result.stride(1)
                + tile.firstColumn() * result.stride(0));
  }
}
