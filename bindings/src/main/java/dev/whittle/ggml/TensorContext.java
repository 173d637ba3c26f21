package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_init_params;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Owns tensors and the graphs made of them: ggml's `ggml_context`, without data of its own.
///
/// The tensors' memory comes from [#allocate(Backend)] (all that have none yet), from
/// [#bind(Tensor, MemorySegment)] (memory that somebody else owns), or from a [GraphAllocator].
/// Closing frees what this context allocated and makes its tensors unusable.
///
/// Operations are built by [Operations]. A context may be used by one thread at a time.
public final class TensorContext implements AutoCloseable {
  private static final long BINDING_ALIGNMENT = 32;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment pointer;
  private final long capacity;
  private final List<MemorySegment> buffers = new ArrayList<>();
  private long tensors;
  private boolean open = true;

  /// @param maxTensors how many tensors, operations included, this context has room for
  public TensorContext(int maxTensors) {
    NativeRuntime.load();
    if (maxTensors < 1) {
      throw new IllegalArgumentException("a context needs room for at least one tensor");
    }
    capacity = maxTensors;
    // Each graph of n nodes takes its own share; two graphs for all the tensors is ample.
    long bytes =
        maxTensors * Llama.ggml_tensor_overhead()
            + 2 * Llama.ggml_graph_overhead_custom(maxTensors, false);
    try (Arena local = Arena.ofConfined()) {
      MemorySegment params = ggml_init_params.allocate(local);
      ggml_init_params.mem_size(params, bytes);
      ggml_init_params.mem_buffer(params, MemorySegment.NULL);
      ggml_init_params.no_alloc(params, true);
      pointer = Llama.ggml_init(params);
    }
    if (pointer.address() == 0) {
      throw new NativeException("ggml could not make a context for " + maxTensors + " tensors");
    }
  }

  /// A new tensor without memory.
  ///
  /// @param shape one to four positive extents, the contiguous dimension first
  /// @throws IllegalArgumentException if the shape is not valid, or the row is not a whole number
  ///   of the type's blocks
  public Tensor newTensor(GgmlType type, long... shape) {
    if (shape.length < 1 || shape.length > Tensor.DIMENSIONS) {
      throw new IllegalArgumentException("a tensor has 1 to 4 dimensions, not " + shape.length);
    }
    long[] extents = {1, 1, 1, 1};
    long bytes = type.rowBytes(shape[0]);
    for (int i = 0; i < shape.length; i++) {
      if (shape[i] < 1) {
        throw new IllegalArgumentException("dimension " + i + " of a tensor is " + shape[i]);
      }
      extents[i] = shape[i];
      bytes = i == 0 ? bytes : Math.multiplyExact(bytes, shape[i]);
    }
    return adopt(
        Llama.ggml_new_tensor_4d(
            reserve(), type.id(), extents[0], extents[1], extents[2], extents[3]));
  }

  /// Gives memory of the backend to every tensor of this context that has none.
  ///
  /// @return the bytes allocated
  /// @throws NativeException if the memory is not to be had
  public long allocate(Backend backend) {
    ensureOpen();
    MemorySegment buffer = Llama.ggml_backend_alloc_ctx_tensors(pointer, backend.pointer());
    if (buffer.address() == 0) {
      throw new NativeException(
          "no memory on "
              + backend
              + " for the tensors of a context; use a smaller model or batch");
    }
    buffers.add(buffer);
    Llama.ggml_backend_buffer_clear(buffer, (byte) 0);
    return Llama.ggml_backend_buffer_get_size(buffer);
  }

  /// Lets a tensor use host memory that belongs to somebody else, such as a part of a mapped file,
  /// which must outlive this context.
  ///
  /// @throws IllegalArgumentException if the memory is too small, on the heap, or not aligned to 32
  ///   bytes
  public void bind(Tensor tensor, MemorySegment memory) {
    ensureOpen();
    if (tensor.isAllocated()) {
      throw new IllegalStateException(tensor + " has memory already");
    }
    if (!memory.isNative()
        || memory.byteSize() < tensor.bytes()
        || memory.address() % BINDING_ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          tensor + " needs " + tensor.bytes() + " bytes of native memory, aligned to 32");
    }
    MemorySegment buffer = Llama.ggml_backend_cpu_buffer_from_ptr(memory, memory.byteSize());
    if (buffer.address() == 0) {
      throw new NativeException("ggml could not wrap " + memory.byteSize() + " bytes");
    }
    buffers.add(buffer);
    Llama.ggml_backend_tensor_alloc(buffer, tensor.pointer(), memory);
  }

  /// Lets a tensor, typically a graph's result, use the memory of another one of the same size.
  ///
  /// A [GraphAllocator] leaves such a tensor where it is, so a graph can write straight into memory
  /// that outlives it.
  public void alias(Tensor tensor, Tensor memory) {
    ensureOpen();
    if (tensor.isAllocated()) {
      throw new IllegalStateException(tensor + " has memory already");
    }
    if (tensor.type() != memory.type()
        || tensor.bytes() > memory.bytes()
        || !tensor.isContiguous()
        || !memory.isContiguous()) {
      throw new IllegalArgumentException(tensor + " cannot use the memory of " + memory);
    }
    MemorySegment struct = memory.pointer();
    Llama.ggml_backend_tensor_alloc(
        dev.whittle.ffi.ggml_tensor.buffer(struct),
        tensor.pointer(),
        dev.whittle.ffi.ggml_tensor.data(struct));
  }

  /// Room for one more tensor.
  MemorySegment reserve() {
    ensureOpen();
    if (tensors >= capacity) {
      throw new IllegalStateException("this context has room for " + capacity + " tensors only");
    }
    return pointer;
  }

  /// Takes a tensor that ggml just made in this context.
  Tensor adopt(MemorySegment created) {
    tensors++;
    return new Tensor(this, created);
  }

  MemorySegment pointer() {
    ensureOpen();
    return pointer;
  }

  Arena arena() {
    ensureOpen();
    return arena;
  }

  long capacity() {
    return capacity;
  }

  void ensureOpen() {
    if (!open) {
      throw new IllegalStateException("the tensor context is closed");
    }
  }

  @Override
  public void close() {
    if (!open) {
      return;
    }
    open = false;
    for (MemorySegment buffer : buffers) {
      Llama.ggml_backend_buffer_free(buffer);
    }
    Llama.ggml_free(pointer);
    arena.close();
  }
}
