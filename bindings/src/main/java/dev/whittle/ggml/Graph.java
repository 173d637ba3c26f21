package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The operations that lead to some results, in an order in which they can run (`ggml_cgraph`).
///
/// It lives in the context of its tensors.
public final class Graph {
  private final TensorContext context;
  private final MemorySegment pointer;
  private final String title;
  private @Nullable List<Part> parts;

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

  /// A run of the graph's nodes: those that ggml computes, or one that a kernel of a GPU does.
  sealed interface Part {
    /// @param graph of these nodes alone
    record Nodes(MemorySegment graph) implements Part {}

    /// @param launch what computes the node
    record Kernel(KernelNodes.Launch launch) implements Part {}
  }

  /// The graph cut at the nodes that kernels of a GPU compute, in running order. It must not grow
  /// any more.
  List<Part> parts() {
    if (parts == null) {
      parts = cut();
    }
    return parts;
  }

  private List<Part> cut() {
    List<Part> result = new ArrayList<>();
    List<Tensor> run = new ArrayList<>();
    for (int i = 0; i < nodes(); i++) {
      Tensor node = node(i);
      KernelNodes.Launch launch = context.kernelNodes().launch(node);
      if (launch == null) {
        if (!node.computesNothing()) {
          run.add(node);
        }
      } else {
        addNodes(run, result);
        result.add(new Part.Kernel(launch));
      }
    }
    addNodes(run, result);
    return result;
  }

  private void addNodes(List<Tensor> run, List<Part> result) {
    if (run.isEmpty()) {
      return;
    }
    TensorContext own = new TensorContext(run.size());
    context.own(own);
    MemorySegment graph = Llama.ggml_new_graph_custom(own.pointer(), run.size(), false);
    for (Tensor node : run) {
      Llama.ggml_graph_add_node(graph, node.pointer());
    }
    result.add(new Part.Nodes(graph));
    run.clear();
  }

  /// Treats the graph's tensors as if they had memory.
  void pretend() {
    context.pretend();
  }

  TensorContext context() {
    return context;
  }

  String title() {
    return title;
  }

  MemorySegment pointer() {
    context.ensureOpen();
    return pointer;
  }
}
