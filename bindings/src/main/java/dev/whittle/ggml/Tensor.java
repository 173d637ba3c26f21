package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.StringJoiner;

/// A ggml tensor: up to four dimensions, the first one contiguous, in the order that ggml has them.
///
/// It belongs to the [TensorContext] that made it and can't be used once that is closed.
public final class Tensor {
  /// How many dimensions every tensor has; trailing ones are 1.
  public static final int DIMENSIONS = 4;

  private static final long ALIGNMENT = 32;

  private static final Set<String> VIEWS =
      Set.of("NONE", "RESHAPE", "VIEW", "PERMUTE", "TRANSPOSE");

  private final TensorContext owner;
  private final MemorySegment struct;
  private final GgmlType type;
  private final long[] shape;
  private final long[] strides;

  Tensor(TensorContext owner, MemorySegment pointer) {
    this.owner = owner;
    this.struct = pointer.reinterpret(ggml_tensor.sizeof());
    this.type = GgmlType.ofId(ggml_tensor.type(struct)).orElseThrow();
    this.shape = ggml_tensor.ne(struct).toArray(ValueLayout.JAVA_LONG);
    this.strides = ggml_tensor.nb(struct).toArray(ValueLayout.JAVA_LONG);
  }

  public GgmlType type() {
    return type;
  }

  /// The operation that computes this tensor, with the types of what it computes from, such as
  /// `MUL_MAT(Q2_K, F32)` (`ggml_op_desc`).
  public String operation() {
    StringJoiner sources =
        new StringJoiner(", ", Llama.ggml_op_desc(pointer()).getString(0) + "(", ")");
    for (long i = 0; i < ggml_tensor.src$layout().elementCount(); i++) {
      MemorySegment source = ggml_tensor.src(struct, i);
      if (source.address() != 0) {
        int id = ggml_tensor.type(source.reinterpret(ggml_tensor.sizeof()));
        sources.add(GgmlType.ofId(id).orElseThrow().name());
      }
    }
    return sources.toString();
  }

  /// The extent of dimension `i`, 0 to 3.
  public long dimension(int i) {
    return shape[i];
  }

  /// All four extents.
  long[] shape() {
    return shape.clone();
  }

  /// The step in bytes along dimension `i` (for block types, dimension 0 steps by whole blocks).
  public long stride(int i) {
    return strides[i];
  }

  public long elements() {
    return shape[0] * shape[1] * shape[2] * shape[3];
  }

  /// The bytes from the first element to behind the last, as `ggml_nbytes` counts them.
  public long bytes() {
    return Llama.ggml_nbytes(pointer());
  }

  /// Whether the elements lie one behind the other without gaps, in the order of the dimensions.
  public boolean isContiguous() {
    long step = type.blockBytes();
    if (strides[0] != step) {
      return false;
    }
    step = type.rowBytes(shape[0]);
    for (int i = 1; i < DIMENSIONS; i++) {
      if (shape[i] != 1 && strides[i] != step) {
        return false;
      }
      step *= shape[i];
    }
    return true;
  }

  /// Whether each row lies in one piece.
  boolean hasContiguousRows() {
    return strides[0] == type.blockBytes();
  }

  boolean hasShape(long... expected) {
    long[] padded = {1, 1, 1, 1};
    System.arraycopy(expected, 0, padded, 0, expected.length);
    return Arrays.equals(shape, padded);
  }

  boolean hasShapeOf(Tensor other) {
    return Arrays.equals(shape, other.shape);
  }

  /// Replaces the factor of a `GGML_OP_SCALE`, which the backends read as they compute the node.
  void setScale(float factor) {
    if (!Llama.ggml_op_desc(pointer()).getString(0).equals("SCALE")) {
      throw new IllegalArgumentException(this + " is not the node of a scale");
    }
    ggml_tensor.op_params(struct).set(ValueLayout.JAVA_FLOAT, 0, factor);
  }

  /// Keeps the result of this node when a graph that holds it is allocated, so that it can be read
  /// after the graph has run (`ggml_set_output`).
  public Tensor asOutput() {
    Llama.ggml_set_output(pointer());
    // The memory of a view is its source's, which the allocator would otherwise hand on.
    MemorySegment source = ggml_tensor.view_src(struct);
    if (source.address() != 0) {
      Llama.ggml_set_output(source);
    }
    return this;
  }

  /// Marks this tensor as written before the graph runs, so that its memory is not given to another
  /// node before its last use (`ggml_set_input`).
  public Tensor asInput() {
    Llama.ggml_set_input(pointer());
    return this;
  }

  /// Whether memory was given to this tensor.
  public boolean isAllocated() {
    pointer();
    return ggml_tensor.data(struct).address() != 0;
  }

  /// Copies `values` to the tensor's start.
  ///
  /// @throws IllegalArgumentException if the tensor is not F32 or holds fewer elements
  public void write(float[] values) {
    require(GgmlType.F32, values.length);
    transferTo(MemorySegment.ofArray(values), 0);
  }

  /// Copies `values` to the tensor's start.
  ///
  /// @throws IllegalArgumentException if the tensor is not I32 or holds fewer elements
  public void write(int[] values) {
    require(GgmlType.I32, values.length);
    transferTo(MemorySegment.ofArray(values), 0);
  }

  /// Sets every element to a value.
  ///
  /// @throws IllegalArgumentException if the tensor is not contiguous F32
  public void fill(float value) {
    float[] values = new float[Math.toIntExact(elements())];
    Arrays.fill(values, value);
    write(values);
  }

  /// Copies the bytes of `source`, on or off the heap, to byte `offset` of the tensor.
  public void write(MemorySegment source, long offset) {
    transferTo(source, offset);
  }

  /// The elements, in order.
  ///
  /// @throws IllegalStateException if the tensor is not contiguous F32
  public float[] readFloats() {
    if (type != GgmlType.F32 || !isContiguous()) {
      throw new IllegalStateException(this + " is not contiguous F32");
    }
    float[] values = new float[Math.toIntExact(elements())];
    read(MemorySegment.ofArray(values), 0);
    return values;
  }

  /// Copies bytes from byte `offset` of the tensor until `target` is full.
  public void read(MemorySegment target, long offset) {
    Objects.checkFromIndexSize(offset, target.byteSize(), bytes());
    requireMemory();
    if (isHost()) {
      MemorySegment.copy(host(), offset, target, 0, target.byteSize());
      return;
    }
    if (target.isNative()) {
      Llama.ggml_backend_tensor_get(pointer(), target, offset, target.byteSize());
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment staging = arena.allocate(target.byteSize(), ALIGNMENT);
      Llama.ggml_backend_tensor_get(pointer(), staging, offset, target.byteSize());
      target.copyFrom(staging);
    }
  }

  /// Sets every byte to zero.
  public void clear() {
    if (owner.isMeasured()) {
      return;
    }
    requireAllocated();
    Llama.ggml_backend_tensor_memset(pointer(), (byte) 0, 0, bytes());
  }

  /// Whether this is a part or another shape of a tensor, whose memory it uses.
  boolean isView() {
    return ggml_tensor.view_src(struct).address() != 0;
  }

  /// Whether the tensor's memory can be read and written directly. What was only measured has none:
  /// writing to it does nothing, and there is nothing to be read.
  public boolean isHost() {
    requireAllocated();
    return !owner.isMeasured() && Llama.ggml_backend_buffer_is_host(buffer());
  }

  /// The tensor's own memory, valid until its context is closed.
  ///
  /// @throws IllegalStateException if the memory is not allocated or not on the host
  public MemorySegment host() {
    if (!isHost()) {
      throw new IllegalStateException(this + " is not in host memory");
    }
    return ggml_tensor.data(struct).reinterpret(bytes(), owner.arena(), null);
  }

  /// Whether this node computes nothing, because it only looks at another tensor's memory.
  boolean computesNothing() {
    return VIEWS.contains(Llama.ggml_op_desc(pointer()).getString(0));
  }

  /// The address of the first element, for code that hands it to another native library. On a GPU
  /// it is the GPU's.
  ///
  /// @throws IllegalStateException if the memory is not allocated
  public long address() {
    requireAllocated();
    return ggml_tensor.data(struct).address();
  }

  /// The tensor's bytes on the host: its own memory where it lies there, else a copy that lives as
  /// long as `arena`.
  public MemorySegment onHost(Arena arena) {
    if (isHost()) {
      return host();
    }
    MemorySegment copy = arena.allocate(bytes(), ALIGNMENT);
    read(copy, 0);
    return copy;
  }

  private void transferTo(MemorySegment source, long offset) {
    Objects.checkFromIndexSize(offset, source.byteSize(), bytes());
    if (owner.isMeasured()) {
      return;
    }
    if (isHost()) {
      MemorySegment.copy(source, 0, host(), offset, source.byteSize());
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment staging = source;
      if (!source.isNative()) {
        staging = arena.allocate(source.byteSize(), ALIGNMENT);
        staging.copyFrom(source);
      }
      Llama.ggml_backend_tensor_set(pointer(), staging, offset, source.byteSize());
    }
  }

  private void require(GgmlType expected, long count) {
    if (type != expected || !isContiguous() || count > elements()) {
      throw new IllegalArgumentException(
          count + " values of " + expected + " do not fit contiguously into " + this);
    }
  }

  private void requireMemory() {
    if (owner.isMeasured()) {
      throw new IllegalStateException(this + " was only measured, so it holds nothing");
    }
  }

  private void requireAllocated() {
    if (!isAllocated()) {
      throw new IllegalStateException(this + " has no memory yet");
    }
  }

  private MemorySegment buffer() {
    MemorySegment own = ggml_tensor.buffer(struct);
    if (own.address() != 0) {
      return own;
    }
    MemorySegment source = ggml_tensor.view_src(struct);
    return ggml_tensor.buffer(source.reinterpret(ggml_tensor.sizeof()));
  }

  TensorContext owner() {
    return owner;
  }

  /// The native pointer, once it is sure that it still points to something.
  MemorySegment pointer() {
    owner.ensureOpen();
    return struct;
  }

  @Override
  public String toString() {
    return "tensor " + type + " " + Arrays.toString(shape);
  }
}
