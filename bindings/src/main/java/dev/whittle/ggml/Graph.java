package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import java.lang.foreign.MemorySegment;

/// The operations that lead to some results, in an order in which they can run (`ggml_cgraph`).
///
/// It lives in the context of its tensors.
public final class Graph {
  private final TensorContext context;
  private final MemorySegment pointer;
  private final String title;

  /// @param title what the graph computes, for error messages
  /// @param maxNodes how many operations and leaves it has room for
  public Graph(TensorContext context, String title, int maxNodes) {
    this.context = context;
    this.title = title;
    if (maxNodes > context.capacity()) {
      throw new IllegalArgumentException(
          "a graph of " + maxNodes + " nodes does not fit a context of " + context.capacity());
    }
    this.pointer = Llama.ggml_new_graph_custom(context.pointer(), maxNodes, false);
  }

  /// Adds what leads to `result` and is not in the graph yet (`ggml_build_forward_expand`).
  public Graph expand(Tensor result) {
    Llama.ggml_build_forward_expand(pointer(), result.pointer());
    return this;
  }

  /// How many operations the graph has.
  public int nodes() {
    return Llama.ggml_graph_n_nodes(pointer());
  }

  /// Operation number `i`, in running order.
  public Tensor node(int i) {
    if (i < 0 || i >= nodes()) {
      throw new IndexOutOfBoundsException("node " + i + " of " + nodes());
    }
    return new Tensor(context, Llama.ggml_graph_node(pointer(), i));
  }

  String title() {
    return title;
  }

  MemorySegment pointer() {
    context.ensureOpen();
    return pointer;
  }
}
