package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_init_params;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Owns tensors and the graphs made of them: ggml's `ggml_context`, without data of its own.
///
/// The tensors' memory comes from [#allocate(Backend)] (all that have none yet), from
/// [#bind(Tensor, MemorySegment)] (memory that somebody else owns), or from a [GraphAllocator].
/// Closing frees what this context allocated and makes its tensors unusable.
///
/// Operations are built by [Operations]. A context may be used by one thread at a time.
public final class TensorContext implements AutoCloseable {
  private static final long BINDING_ALIGNMENT = 32;

  /// Where the memory of measured tensors is said to be. Nothing is there.
  private static final MemorySegment NOWHERE = MemorySegment.ofAddress(4096);

  private final Arena arena = Arena.ofShared();
  private final MemorySegment pointer;
  private final long capacity;
  private final List<MemorySegment> buffers = new ArrayList<>();
  private final List<Tensor> tensors = new ArrayList<>();
  private boolean measured;
  private final List<TensorContext> parts = new ArrayList<>();
  private @Nullable KernelNodes kernelNodes;
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
  /// @return the bytes allocated, or that would be if the backend only measures
  /// @throws NativeException if the memory is not to be had
  public long allocate(Backend backend) {
    ensureOpen();
    if (backend.isMeasuring()) {
      long bytes =
          Llama.ggml_backend_alloc_ctx_tensors_from_buft_size(
              pointer, Llama.ggml_backend_get_default_buffer_type(backend.pointer()));
      pretend();
      return bytes;
    }
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

  /// Sets every byte that [#allocate] gave to tensors of this context to zero.
  public void clear() {
    ensureOpen();
    for (MemorySegment buffer : buffers) {
      Llama.ggml_backend_buffer_clear(buffer, (byte) 0);
    }
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
    if (memory.owner().isMeasured()) {
      pretend(List.of(tensor));
      return;
    }
    MemorySegment struct = memory.pointer();
    Llama.ggml_backend_tensor_alloc(
        dev.whittle.ffi.ggml_tensor.buffer(struct),
        tensor.pointer(),
        dev.whittle.ffi.ggml_tensor.data(struct));
  }

  /// Treats every tensor that has no memory as if it had some, for backends that only measure.
  void pretend() {
    pretend(tensors);
  }

  private void pretend(List<Tensor> some) {
    measured = true;
    MemorySegment buffer = Llama.ggml_backend_cpu_buffer_from_ptr(NOWHERE, Long.MAX_VALUE / 2);
    buffers.add(buffer);
    for (Tensor tensor : some) {
      if (!tensor.isView() && !tensor.isAllocated()) {
        Llama.ggml_backend_tensor_alloc(buffer, tensor.pointer(), NOWHERE);
      }
    }
  }

  /// Whether there is no memory behind tensors of this context.
  boolean isMeasured() {
    return measured;
  }

  /// Room for one more tensor.
  MemorySegment reserve() {
    ensureOpen();
    if (tensors.size() >= capacity) {
      throw new IllegalStateException("this context has room for " + capacity + " tensors only");
    }
    return pointer;
  }

  /// Takes a tensor that ggml just made in this context.
  Tensor adopt(MemorySegment created) {
    Tensor tensor = new Tensor(this, created);
    tensors.add(tensor);
    return tensor;
  }

  /// Whether any node is computed by a kernel of Whittle's own.
  boolean hasKernelNodes() {
    return kernelNodes != null;
  }

  /// Closes something with this context.
  void own(TensorContext part) {
    parts.add(part);
  }

  /// The nodes that kernels of Whittle's own compute, of which there are some from now on.
  KernelNodes kernelNodes() {
    if (kernelNodes == null) {
      kernelNodes = new KernelNodes(arena());
    }
    return kernelNodes;
  }

  /// Throws what a node that Java computes threw while the last graph ran.
  void rethrow() {
    if (kernelNodes != null) {
      kernelNodes.rethrow();
    }
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

  /// @throws IllegalStateException if another thread is in the tensors' memory; it stays open then
  @Override
  public void close() {
    if (!open) {
      return;
    }
    // First, so that the memory is out of reach before it is freed.
    arena.close();
    open = false;
    parts.forEach(TensorContext::close);
    for (MemorySegment buffer : buffers) {
      Llama.ggml_backend_buffer_free(buffer);
    }
    Llama.ggml_free(pointer);
  }
}
