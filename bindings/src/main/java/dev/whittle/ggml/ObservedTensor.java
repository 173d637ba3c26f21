package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/// A tensor of the graph that is being computed. Valid only during the call that it was given to;
/// afterwards every method throws [IllegalStateException].
public final class ObservedTensor {
  private final MemorySegment tensor;
  private final Arena arena;

  ObservedTensor(MemorySegment tensor, Arena arena) {
    this.tensor = tensor;
    this.arena = arena;
  }

  /// The name; for a weight the one that it has in the model file.
  public String name() {
    return ggml_tensor.name(tensor).getString(0);
  }

  public GgmlType type() {
    int id = ggml_tensor.type(tensor);
    return GgmlType.ofId(id)
        .orElseThrow(() -> new NativeException("the tensor " + name() + " has unknown type " + id));
  }

  /// The extents of the four dimensions, the row's first (`ne`).
  public long[] shape() {
    long[] shape = new long[Llama.GGML_MAX_DIMS()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = ggml_tensor.ne(tensor, i);
    }
    return shape;
  }

  /// The values, row after row, without a copy where they are in main memory.
  ///
  /// @return a read-only view of `shape` elements, which ends with the call
  /// @throws IllegalStateException if the tensor is not of type F32, or not contiguous
  public FloatBuffer floats() {
    requireFloats();
    long bytes = Llama.ggml_nbytes(tensor);
    MemorySegment values;
    if (isInMainMemory()) {
      values = ggml_tensor.data(tensor).reinterpret(bytes, arena, null);
    } else {
      values = arena.allocate(bytes, Float.BYTES);
      Llama.ggml_backend_tensor_get(tensor, values, 0, bytes);
    }
    return values.asReadOnly().asByteBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer();
  }

  /// The values, row after row, to be changed for whatever is computed from them.
  ///
  /// @return a view of `shape` elements, which ends with the call
  /// @throws IllegalStateException if the tensor is not of type F32, not contiguous, or not in main
  ///   memory
  public FloatBuffer writableFloats() {
    requireFloats();
    if (!isInMainMemory()) {
      throw new IllegalStateException("the tensor " + name() + " is not in main memory");
    }
    return ggml_tensor
        .data(tensor)
        .reinterpret(Llama.ggml_nbytes(tensor), arena, null)
        .asByteBuffer()
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  private void requireFloats() {
    if (type() != GgmlType.F32 || !Llama.ggml_is_contiguous(tensor)) {
      throw new IllegalStateException(
          "the tensor " + name() + " of type " + type() + " is not a contiguous tensor of F32");
    }
  }

  private boolean isInMainMemory() {
    MemorySegment owner = ggml_tensor.view_src(tensor);
    MemorySegment buffer = ggml_tensor.buffer(owner.address() == 0 ? tensor : owner);
    return Llama.ggml_backend_buffer_is_host(buffer);
  }
}
