package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// Builds ggml operations: each method adds a node to the context and returns its result, which has
/// a value once a [Graph] that holds it has run.
///
/// Shapes are written [contiguous dimension, …] as ggml has them. What ggml would abort the process
/// for is an [IllegalArgumentException] here.
public final class Operations {
  /// The most sources that ggml lets a node of our own have.
  private static final int MAX_SOURCES = 8;

  private final TensorContext context;

  public Operations(TensorContext context) {
    this.context = context;
  }

  public TensorContext context() {
    return context;
  }

  /// `a` + `b`; `b` is repeated to `a`'s shape (`ggml_add`).
  public Tensor add(Tensor a, Tensor b) {
    requireRepeatable(b, a);
    return node(Llama.ggml_add(room(), a.pointer(), b.pointer()));
  }

  /// Adds `b` to the memory of `a` and returns a view of it (`ggml_add_inplace`).
  public Tensor addInPlace(Tensor a, Tensor b) {
    requireRepeatable(b, a);
    return node(Llama.ggml_add_inplace(room(), a.pointer(), b.pointer()));
  }

  /// `a` − `b`; `b` is repeated to `a`'s shape (`ggml_sub`). One thread only on a CPU.
  public Tensor subtract(Tensor a, Tensor b) {
    requireRepeatable(b, a);
    return node(Llama.ggml_sub(room(), a.pointer(), b.pointer()));
  }

  /// `a` · `b`, element by element; `b` is repeated to `a`'s shape (`ggml_mul`).
  public Tensor multiply(Tensor a, Tensor b) {
    requireRepeatable(b, a);
    return node(Llama.ggml_mul(room(), a.pointer(), b.pointer()));
  }

  /// `a` / `b`, element by element; `b` is repeated to `a`'s shape (`ggml_div`).
  public Tensor divide(Tensor a, Tensor b) {
    requireRepeatable(b, a);
    return node(Llama.ggml_div(room(), a.pointer(), b.pointer()));
  }

  /// `a` · `factor` (`ggml_scale`).
  public Tensor scale(Tensor a, float factor) {
    requireContiguousFloats(a);
    return node(Llama.ggml_scale(room(), a.pointer(), factor));
  }

  /// Gives a node of [#scale] another factor, from the next run of its graph on.
  public static void rescale(Tensor node, float factor) {
    node.setScale(factor);
  }

  /// `a` · `factor` + `offset` (`ggml_scale_bias`).
  public Tensor scaleAndShift(Tensor a, float factor, float offset) {
    requireContiguousFloats(a);
    return node(Llama.ggml_scale_bias(room(), a.pointer(), factor, offset));
  }

  /// The natural logarithm (`ggml_log`).
  public Tensor log(Tensor a) {
    requireContiguousFloats(a);
    return node(Llama.ggml_log(room(), a.pointer()));
  }

  /// The sums over dimension 0: [n, …] becomes [1, …] (`ggml_sum_rows`).
  public Tensor sumRows(Tensor a) {
    requireFloatRows(a);
    return node(Llama.ggml_sum_rows(room(), a.pointer()));
  }

  /// The product over dimension 0: `a` [k, n, p, q] of any weight type and `b` [k, m, P, Q] give
  /// [n, m, P, Q] in F32, where P and Q are multiples of p and q (`ggml_mul_mat`).
  ///
  /// `b` is F32, or of the type that the CPU's kernel for `a` converts to.
  public Tensor multiplyMatrices(Tensor a, Tensor b) {
    require(
        a.dimension(0) == b.dimension(0)
            && b.dimension(2) % a.dimension(2) == 0
            && b.dimension(3) % a.dimension(3) == 0,
        "the product of " + a + " and " + b + " needs equal rows and repeatable outer dimensions");
    require(a.hasContiguousRows() && b.hasContiguousRows(), "a product needs contiguous rows");
    require(a.stride(0) <= a.stride(1), "the first factor of a product must not be transposed");
    return node(Llama.ggml_mul_mat(room(), a.pointer(), b.pointer()));
  }

  /// The outer product over dimension 1: `a` [n, k] and `b` [m, k] give [n, m] (`ggml_out_prod`).
  public Tensor outerProduct(Tensor a, Tensor b) {
    require(
        a.dimension(1) == b.dimension(1)
            && b.dimension(2) % a.dimension(2) == 0
            && b.dimension(3) % a.dimension(3) == 0,
        "the outer product of " + a + " and " + b + " needs equal second dimensions");
    return node(Llama.ggml_out_prod(room(), a.pointer(), b.pointer()));
  }

  /// x / sqrt(mean(x²) + ε) over dimension 0 (`ggml_rms_norm`).
  public Tensor rmsNorm(Tensor x, float epsilon) {
    requireFloatRows(x);
    return node(Llama.ggml_rms_norm(room(), x.pointer(), epsilon));
  }

  /// The gradient at x of [#rmsNorm] for the gradient at its result (`ggml_rms_norm_back`).
  public Tensor rmsNormBack(Tensor gradient, Tensor x, float epsilon) {
    requireSameShape(gradient, x);
    requireFloatRows(gradient);
    requireFloatRows(x);
    return node(Llama.ggml_rms_norm_back(room(), gradient.pointer(), x.pointer(), epsilon));
  }

  /// x · sigmoid(x) (`ggml_silu`).
  public Tensor silu(Tensor x) {
    requireFloatRows(x);
    return node(Llama.ggml_silu(room(), x.pointer()));
  }

  /// The gradient at x of [#silu] for the gradient at its result (`ggml_silu_back`).
  public Tensor siluBack(Tensor gradient, Tensor x) {
    requireSameShape(gradient, x);
    requireContiguousFloats(gradient);
    requireContiguousFloats(x);
    return node(Llama.ggml_silu_back(room(), gradient.pointer(), x.pointer()));
  }

  /// silu(`gate`) · `up` (`ggml_swiglu_split`).
  public Tensor swiglu(Tensor gate, Tensor up) {
    requireSameShape(gate, up);
    requireContiguousFloats(gate);
    requireContiguousFloats(up);
    return node(Llama.ggml_swiglu_split(room(), gate.pointer(), up.pointer()));
  }

  /// softmax(`x` · `scale` + `mask`) over dimension 0 (`ggml_soft_max_ext`).
  ///
  /// @param x [n, m, p, q] F32
  /// @param mask [n, ≥ m, r, s] F32 or F16, repeated over the outer dimensions, or null
  public Tensor softmax(Tensor x, @Nullable Tensor mask, float scale) {
    requireContiguousFloats(x);
    if (mask != null) {
      require(
          (mask.type() == GgmlType.F32 || mask.type() == GgmlType.F16)
              && mask.isContiguous()
              && mask.dimension(0) == x.dimension(0)
              && mask.dimension(1) >= x.dimension(1)
              && x.dimension(2) % mask.dimension(2) == 0
              && x.dimension(3) % mask.dimension(3) == 0,
          "the mask " + mask + " does not fit " + x);
    }
    return node(
        Llama.ggml_soft_max_ext(
            room(), x.pointer(), mask == null ? MemorySegment.NULL : mask.pointer(), scale, 0f));
  }

  /// The gradient at x of [#softmax], written over the gradient at its result `y`, of which nothing
  /// else may read (`ggml_soft_max_ext_back_inplace`).
  ///
  /// ggml's allocator would let the plain operation write over y instead, which its CPU kernel
  /// still reads then.
  public Tensor softmaxBackInPlace(Tensor gradient, Tensor y, float scale) {
    requireSameShape(gradient, y);
    requireContiguousFloats(gradient);
    requireContiguousFloats(y);
    return node(
        Llama.ggml_soft_max_ext_back_inplace(room(), gradient.pointer(), y.pointer(), scale, 0f));
  }

  /// Rotates the heads of `x` [head, heads, tokens] by their positions [tokens] I32
  /// (`ggml_rope_ext`).
  public Tensor rope(Tensor x, Tensor positions, Rope rope) {
    checkRope(x, positions, rope);
    return node(
        Llama.ggml_rope_ext(
            room(),
            x.pointer(),
            positions.pointer(),
            factors(rope),
            rope.dimensions(),
            mode(rope),
            rope.originalContext(),
            rope.frequencyBase(),
            rope.frequencyScale(),
            rope.extrapolation(),
            rope.attention(),
            rope.betaFast(),
            rope.betaSlow()));
  }

  /// The gradient at x of [#rope] for the gradient at its result: the opposite rotation
  /// (`ggml_rope_ext_back`).
  public Tensor ropeBack(Tensor gradient, Tensor positions, Rope rope) {
    checkRope(gradient, positions, rope);
    return node(
        Llama.ggml_rope_ext_back(
            room(),
            gradient.pointer(),
            positions.pointer(),
            factors(rope),
            rope.dimensions(),
            mode(rope),
            rope.originalContext(),
            rope.frequencyBase(),
            rope.frequencyScale(),
            rope.extrapolation(),
            rope.attention(),
            rope.betaFast(),
            rope.betaSlow()));
  }

  /// The rows of `table` [n, rows] with the given indices [m] I32, as [n, m] F32 (`ggml_get_rows`).
  public Tensor rows(Tensor table, Tensor indices) {
    require(
        indices.type() == GgmlType.I32
            && table.dimension(2) == indices.dimension(1)
            && table.dimension(3) == indices.dimension(2)
            && indices.dimension(3) == 1,
        "rows of " + table + " cannot be taken by " + indices);
    return node(Llama.ggml_get_rows(room(), table.pointer(), indices.pointer()));
  }

  /// Writes the rows `source` [n, m] to the given distinct indices [m] I32 of `target` [n, rows]
  /// and returns a view of the target (`ggml_set_rows`).
  public Tensor setRows(Tensor target, Tensor source, Tensor indices) {
    require(
        target.dimension(0) == source.dimension(0)
            && target.dimension(2) == source.dimension(2)
            && target.dimension(3) == source.dimension(3)
            && source.dimension(1) == indices.dimension(0)
            && source.type() == GgmlType.F32
            && indices.type() == GgmlType.I32
            && indices.dimension(3) == 1
            && target.hasContiguousRows()
            && source.hasContiguousRows(),
        "rows " + source + " cannot be set in " + target + " by " + indices);
    return node(Llama.ggml_set_rows(room(), target.pointer(), source.pointer(), indices.pointer()));
  }

  /// `a`, repeated to a shape of whole multiples of its own (`ggml_repeat_4d`).
  ///
  /// @param shape four extents
  public Tensor repeat(Tensor a, long... shape) {
    requireFloatRows(a);
    for (int i = 0; i < Tensor.DIMENSIONS; i++) {
      require(
          shape.length == Tensor.DIMENSIONS && shape[i] % a.dimension(i) == 0,
          a + " cannot be repeated to " + java.util.Arrays.toString(shape));
    }
    return node(Llama.ggml_repeat_4d(room(), a.pointer(), shape[0], shape[1], shape[2], shape[3]));
  }

  /// A contiguous copy (`ggml_cont`).
  public Tensor contiguous(Tensor a) {
    return node(Llama.ggml_cont(room(), a.pointer()));
  }

  /// A contiguous copy in another type (`ggml_cast`).
  public Tensor cast(Tensor a, GgmlType type) {
    type.rowBytes(a.dimension(0));
    return node(Llama.ggml_cast(room(), a.pointer(), type.id()));
  }

  /// Copies `source` over `target`, which has as many elements, and returns a view of the target
  /// (`ggml_cpy`).
  public Tensor copy(Tensor source, Tensor target) {
    require(source.elements() == target.elements(), source + " cannot be copied to " + target);
    return node(Llama.ggml_cpy(room(), source.pointer(), target.pointer()));
  }

  /// The same elements in another shape, without a copy (`ggml_reshape_4d`).
  public Tensor reshape(Tensor a, long... shape) {
    long[] s = {1, 1, 1, 1};
    System.arraycopy(shape, 0, s, 0, shape.length);
    require(
        a.isContiguous() && s[0] * s[1] * s[2] * s[3] == a.elements(),
        a + " cannot be reshaped to " + java.util.Arrays.toString(shape));
    return node(Llama.ggml_reshape_4d(room(), a.pointer(), s[0], s[1], s[2], s[3]));
  }

  /// The same elements with dimension i moved to place `axes[i]`, without a copy (`ggml_permute`).
  public Tensor permute(Tensor a, int axis0, int axis1, int axis2, int axis3) {
    int seen = (1 << axis0) | (1 << axis1) | (1 << axis2) | (1 << axis3);
    require(seen == 0b1111, "a permutation names each of the four dimensions once");
    return node(Llama.ggml_permute(room(), a.pointer(), axis0, axis1, axis2, axis3));
  }

  /// The first two dimensions exchanged, without a copy (`ggml_transpose`).
  public Tensor transpose(Tensor a) {
    return node(Llama.ggml_transpose(room(), a.pointer()));
  }

  /// Some of the elements of `a`, from number `first` on, as a tensor of their own shape, without a
  /// copy (`ggml_view_4d`).
  public Tensor part(Tensor a, long first, long... shape) {
    long[] s = {1, 1, 1, 1};
    System.arraycopy(shape, 0, s, 0, shape.length);
    require(
        a.isContiguous()
            && !a.type().isQuantized()
            && first >= 0
            && first + s[0] * s[1] * s[2] * s[3] <= a.elements(),
        "elements " + first + " and on of " + a + " do not fill " + java.util.Arrays.toString(s));
    long row = a.type().rowBytes(s[0]);
    return node(
        Llama.ggml_view_4d(
            room(),
            a.pointer(),
            s[0],
            s[1],
            s[2],
            s[3],
            row,
            row * s[1],
            row * s[1] * s[2],
            a.type().rowBytes(first)));
  }

  /// Columns `first` to `first + count` of a matrix [n, m], without a copy (`ggml_view_2d`).
  public Tensor columns(Tensor a, long first, long count) {
    require(
        a.dimension(2) == 1
            && a.dimension(3) == 1
            && first >= 0
            && count > 0
            && first + count <= a.dimension(1),
        "columns " + first + " to " + (first + count) + " are not in " + a);
    return node(
        Llama.ggml_view_4d(
            room(),
            a.pointer(),
            a.dimension(0),
            count,
            1,
            1,
            a.stride(1),
            a.stride(1) * count,
            a.stride(1) * count,
            first * a.stride(1)));
  }

  /// A tensor that `kernel` computes from `sources`, on all threads of the CPU (`ggml_custom_4d`).
  ///
  /// @param sources what the kernel reads, at most eight; it may read nothing else that a graph
  ///   computes
  public Tensor compute(Kernel kernel, GgmlType type, long[] shape, Tensor... sources) {
    require(
        shape.length == Tensor.DIMENSIONS && sources.length <= MAX_SOURCES,
        "a kernel has a result of four dimensions and at most " + MAX_SOURCES + " sources");
    type.rowBytes(shape[0]);
    KernelNodes nodes = context.kernelNodes();
    try (Arena arena = Arena.ofConfined()) {
      Tensor result =
          node(
              Llama.ggml_custom_4d(
                  room(),
                  type.id(),
                  shape[0],
                  shape[1],
                  shape[2],
                  shape[3],
                  pointers(arena, sources),
                  sources.length,
                  nodes.stub(),
                  Llama.GGML_N_TASKS_MAX(),
                  nodes.nextUserData()));
      nodes.add(kernel, result);
      return result;
    }
  }

  /// An F32 tensor that a GPU's kernel computes from `sources`; no other backend can run it.
  Tensor launch(DeviceKernel kernel, long[] shape, Tensor... sources) {
    Tensor result =
        compute(
            (_, _, _) -> {
              throw new IllegalStateException("this node is computed on a GPU only");
            },
            GgmlType.F32,
            shape,
            sources);
    context.kernelNodes().add(result, kernel);
    return result;
  }

  /// Matrix `index` of a tensor [n, m, matrices], without a copy (`ggml_view_4d`).
  public Tensor matrix(Tensor a, long index) {
    require(
        a.dimension(3) == 1 && index >= 0 && index < a.dimension(2),
        "there is no matrix " + index + " in " + a);
    return node(
        Llama.ggml_view_4d(
            room(),
            a.pointer(),
            a.dimension(0),
            a.dimension(1),
            1,
            1,
            a.stride(1),
            a.stride(2),
            a.stride(2),
            index * a.stride(2)));
  }

  /// A view of `target`, whose memory `kernel` changes, reading `sources`, on all threads of the
  /// CPU (`ggml_custom_inplace`).
  ///
  /// @param sources what the kernel reads beside the target, at most eight
  public Tensor computeInPlace(Kernel kernel, Tensor target, Tensor... sources) {
    require(sources.length <= MAX_SOURCES, "a kernel has at most " + MAX_SOURCES + " sources");
    KernelNodes nodes = context.kernelNodes();
    try (Arena arena = Arena.ofConfined()) {
      Tensor result =
          node(
              Llama.ggml_custom_inplace(
                  room(),
                  target.pointer(),
                  pointers(arena, sources),
                  sources.length,
                  nodes.stub(),
                  Llama.GGML_N_TASKS_MAX(),
                  nodes.nextUserData()));
      nodes.add(kernel, result);
      return result;
    }
  }

  private static MemorySegment pointers(Arena arena, Tensor... tensors) {
    MemorySegment pointers = arena.allocate(ValueLayout.ADDRESS, tensors.length);
    for (int i = 0; i < tensors.length; i++) {
      pointers.setAtIndex(ValueLayout.ADDRESS, i, tensors[i].pointer());
    }
    return pointers;
  }

  private void checkRope(Tensor x, Tensor positions, Rope rope) {
    requireFloatRows(x);
    require(
        positions.type() == GgmlType.I32 && positions.hasShape(x.dimension(2)),
        "rope needs one position for each of the tokens of " + x + ", not " + positions);
    require(
        rope.dimensions() > 0 && rope.dimensions() % 2 == 0 && rope.dimensions() <= x.dimension(0),
        "rope cannot rotate " + rope.dimensions() + " elements of " + x);
    Tensor factors = rope.frequencyFactors();
    require(
        factors == null
            || (factors.type() == GgmlType.F32 && factors.dimension(0) >= rope.dimensions() / 2),
        "rope's frequency factors do not fit its dimensions");
  }

  private static MemorySegment factors(Rope rope) {
    Tensor factors = rope.frequencyFactors();
    return factors == null ? MemorySegment.NULL : factors.pointer();
  }

  private static int mode(Rope rope) {
    return switch (rope.pairing()) {
      case NEIGHBOURS -> Llama.GGML_ROPE_TYPE_NORMAL();
      case HALVES -> Llama.GGML_ROPE_TYPE_NEOX();
    };
  }

  private MemorySegment room() {
    return context.reserve();
  }

  private Tensor node(MemorySegment created) {
    return context.adopt(created);
  }

  private static void requireRepeatable(Tensor small, Tensor large) {
    for (int i = 0; i < Tensor.DIMENSIONS; i++) {
      require(
          large.dimension(i) % small.dimension(i) == 0,
          small + " cannot be repeated to the shape of " + large);
    }
  }

  private static void requireSameShape(Tensor a, Tensor b) {
    require(a.hasShapeOf(b), a + " and " + b + " must have the same shape");
  }

  private static void requireFloatRows(Tensor a) {
    require(
        a.type() == GgmlType.F32 && a.hasContiguousRows(), a + " must be F32 with contiguous rows");
  }

  private static void requireContiguousFloats(Tensor a) {
    require(a.type() == GgmlType.F32 && a.isContiguous(), a + " must be contiguous F32");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
