package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Gives the nodes of graphs their memory, using a place again once its last reader has run
/// (`ggml_gallocr`).
///
/// Several graphs may share one allocator, if nothing in its memory has to survive from one graph
/// to the next: [#reserve(Graph)] all of them first, so that the memory does not move any more,
/// then [#allocate(Graph)] each of them once. They can then run as often as needed.
public final class GraphAllocator implements AutoCloseable {
  private final MemorySegment pointer;
  private final boolean measuring;
  private boolean open = true;
  private long size;

  public GraphAllocator(Backend backend) {
    measuring = backend.isMeasuring();
    pointer = Llama.ggml_gallocr_new(Llama.ggml_backend_get_default_buffer_type(backend.pointer()));
  }

  /// Makes the memory large enough for `graph`.
  ///
  /// @throws NativeException if there is not so much memory
  public void reserve(Graph graph) {
    if (measuring) {
      size = Math.max(size, measure(graph));
      return;
    }
    check(Llama.ggml_gallocr_reserve(pointer(), graph.pointer()), graph);
    size = Math.max(size, bytes());
  }

  /// Assigns memory to every node of `graph` that has none.
  ///
  /// @throws NativeException if there is not so much memory
  /// @throws IllegalStateException if the memory had to grow, so that graphs allocated before would
  ///   point to memory that is gone
  public void allocate(Graph graph) {
    if (measuring) {
      graph.pretend();
      return;
    }
    check(Llama.ggml_gallocr_alloc_graph(pointer(), graph.pointer()), graph);
    if (bytes() > size) {
      throw new IllegalStateException(graph.title() + " was not reserved before it was allocated");
    }
  }

  private long measure(Graph graph) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
      Llama.ggml_gallocr_reserve_n_size(
          pointer(), graph.pointer(), MemorySegment.NULL, MemorySegment.NULL, bytes);
      return bytes.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /// The bytes that this allocator holds, or would hold if its backend only measures.
  public long bytes() {
    return measuring ? size : Llama.ggml_gallocr_get_buffer_size(pointer(), 0);
  }

  private void check(boolean done, Graph graph) {
    if (!done) {
      throw new NativeException(
          "no memory for " + graph.title() + "; use fewer tokens in a micro-batch");
    }
  }

  private MemorySegment pointer() {
    if (!open) {
      throw new IllegalStateException("the graph allocator is closed");
    }
    return pointer;
  }

  @Override
  public void close() {
    if (open) {
      open = false;
      Llama.ggml_gallocr_free(pointer);
    }
  }
}
