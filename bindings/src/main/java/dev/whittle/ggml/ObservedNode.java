package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/// A node of the graph that is being computed: an operation, its result and its sources. Valid only
/// during the call that it was given to.
public final class ObservedNode {
  private final MemorySegment tensor;
  private final Arena arena;

  /// @param arena ends with the call
  ObservedNode(MemorySegment tensor, Arena arena) {
    this.tensor = tensor.reinterpret(ggml_tensor.sizeof(), arena, null);
    this.arena = arena;
  }

  /// ggml's name of the operation, such as `MUL_MAT`.
  public String operation() {
    return Llama.ggml_op_desc(tensor).getString(0);
  }

  /// The tensor that the operation computes.
  public ObservedTensor result() {
    return new ObservedTensor(tensor, arena);
  }

  /// The operation's source at this place, from 0, if it has one there.
  public Optional<ObservedTensor> source(int index) {
    MemorySegment source = ggml_tensor.src(tensor, index);
    return source.address() == 0
        ? Optional.empty()
        : Optional.of(
            new ObservedTensor(source.reinterpret(ggml_tensor.sizeof(), arena, null), arena));
  }
}
