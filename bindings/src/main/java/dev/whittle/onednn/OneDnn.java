package dev.whittle.onednn;

import dev.whittle.ffi.onednn.OneDnnLibrary;
import dev.whittle.ffi.onednn.dnnl_version_t;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.NativeRuntime;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Matrix products, and attention made of them, by
/// [oneDNN](https://github.com/uxlfoundation/oneDNN), as nodes of ggml's graphs on the CPU.
///
/// It compiles a kernel for each shape. On processors with instructions for BF16 its products are
/// several times as fast as ggml's, and they take either factor transposed as it lies in memory.
/// The threads are ggml's: each computes its part by calls of its own.
///
/// The library is loaded once, for the life of the process, and the kernels are kept as long.
public final class OneDnn {
  /// `-Dwhittle.onednn=off` leaves all products to ggml, such as to compare the two.
  private static final String SWITCH = "whittle.onednn";

  /// Where the build stages the library, for the one platform that it does so for.
  private static final String PLATFORM = "Linux on amd64";

  /// The one that the build stages there.
  private static final String LIBRARY =
      "native/target/onednn/org/bytedeco/dnnl/linux-x86_64/libdnnl.so.3";

  private final Primitives primitives;

  private OneDnn(Primitives primitives) {
    this.primitives = primitives;
  }

  /// The library, or why it is not used.
  private record Search(@Nullable OneDnn found, String absence) {
    Search(String absence) {
      this(null, absence);
    }
  }

  /// Loaded when it is first asked for.
  private static final class Once {
    static final Search SEARCH = search();
  }

  /// The library, if there is one for this platform and its BF16 products are worth having: if the
  /// processor has instructions for them.
  public static Optional<OneDnn> find() {
    return Optional.ofNullable(Once.SEARCH.found());
  }

  /// Why [#find] gives none, in a few words.
  public static String absence() {
    return Once.SEARCH.absence();
  }

  private static Search search() {
    if ("off".equals(System.getProperty(SWITCH))) {
      return new Search("-D" + SWITCH + "=off");
    }
    Optional<Path> library = NativeRuntime.staged(LIBRARY);
    if (library.isEmpty()) {
      return new Search(
          platform().equals(PLATFORM)
              ? LIBRARY + " is missing below Whittle's folder; build Whittle again"
              : "there is no library for " + platform());
    }
    try {
      System.load(library.get().toString());
    } catch (UnsatisfiedLinkError e) {
      return new Search(library.get() + " cannot be loaded: " + e.getMessage());
    }
    int needed = OneDnnLibrary.dnnl_cpu_isa_avx512_core_bf16();
    if ((OneDnnLibrary.dnnl_get_effective_cpu_isa() & needed) != needed) {
      return new Search("the processor has no instructions for BF16");
    }
    return new Search(new OneDnn(new Primitives()), "");
  }

  private static String platform() {
    return System.getProperty("os.name") + " on " + System.getProperty("os.arch");
  }

  /// The version that the loaded library reports.
  public String version() {
    MemorySegment v = OneDnnLibrary.dnnl_version();
    return dnnl_version_t.major(v) + "." + dnnl_version_t.minor(v) + "." + dnnl_version_t.patch(v);
  }

  /// The product over dimension 0, as [Operations#multiplyMatrices] has it: `a` [k, n] and `b` [k,
  /// m] give [n, m] in F32.
  ///
  /// @param a F32 or BF16; one of its two dimensions is contiguous, so it may be a transposed view
  /// @param b of a's type, likewise
  public Tensor multiply(Operations operations, Tensor a, Tensor b) {
    requireFactors(a, b);
    return operations.compute(
        new Product(primitives, a, b, false),
        GgmlType.F32,
        new long[] {a.dimension(1), b.dimension(1), 1, 1},
        a,
        b);
  }

  /// Adds the product over dimension 0 of `a` [k, n] and `b` [k, m] to `total` and returns a view
  /// of it.
  ///
  /// @param total [n, m] F32, contiguous
  public Tensor addProduct(Operations operations, Tensor total, Tensor a, Tensor b) {
    requireFactors(a, b);
    require(
        total.type() == GgmlType.F32
            && total.isContiguous()
            && total.dimension(0) == a.dimension(1)
            && total.dimension(1) == b.dimension(1),
        "the product of " + a + " and " + b + " cannot be added to " + total);
    return operations.computeInPlace(new Product(primitives, a, b, true), total, a, b);
  }

  /// Causal self-attention with grouped key-value heads over rows of tokens, in F32: softmax(scale
  /// · Q · Kᵀ) · V, where a token sees those of its row from `starts` up to itself.
  ///
  /// @param q [head, heads, tokens] F32, contiguous
  /// @param k [head, keyValueHeads, tokens] F32, contiguous
  /// @param v likewise
  /// @param starts the place in its row of the first token that each token sees, [rowLength, rows]
  ///   I32
  /// @return [head, heads, tokens]
  public Tensor attention(
      Operations operations, Tensor q, Tensor k, Tensor v, Tensor starts, float scale) {
    AttentionShape shape = AttentionShape.of(q, k, v, starts, scale);
    return operations.compute(
        new AttentionKernel(primitives, new AttentionBlocks(primitives, shape, q, k, starts), v),
        GgmlType.F32,
        new long[] {shape.head(), shape.heads(), shape.tokens(), 1},
        q,
        k,
        v,
        starts);
  }

  /// The gradients of [#attention] at queries, keys and values, one behind the other, for the
  /// gradient at its result. The probabilities are computed again.
  ///
  /// @param gradient [head, heads, tokens] F32, contiguous
  /// @return [head · (heads + 2 · keyValueHeads) · tokens]: the elements of dQ, of dK and of dV,
  ///   each in the shape of q, k and v
  public Tensor attentionGradients(
      Operations operations,
      Tensor gradient,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor starts,
      float scale) {
    AttentionShape shape = AttentionShape.of(q, k, v, starts, scale);
    require(
        isContiguousFloats(gradient) && gradient.elements() == q.elements(),
        "the gradient " + gradient + " does not fit attention of " + q);
    return operations.compute(
        new AttentionGradientKernel(
            primitives, new AttentionBlocks(primitives, shape, q, k, starts), q, k, v, gradient),
        GgmlType.F32,
        new long[] {q.elements() + k.elements() + v.elements(), 1, 1, 1},
        gradient,
        q,
        k,
        v,
        starts);
  }

  private static void requireFactors(Tensor a, Tensor b) {
    require(
        a.type() == b.type()
            && (a.type() == GgmlType.BF16 || a.type() == GgmlType.F32)
            && a.dimension(0) == b.dimension(0)
            && isMatrix(a)
            && isMatrix(b),
        "the product of " + a + " and " + b + " needs matrices of F32 or BF16 with equal rows");
  }

  private static boolean isMatrix(Tensor t) {
    int element = t.type().blockBytes();
    return t.dimension(2) == 1
        && t.dimension(3) == 1
        && (t.stride(0) == element || t.stride(1) == element);
  }

  static boolean isContiguousFloats(Tensor t) {
    return t.type() == GgmlType.F32 && t.isContiguous();
  }

  static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
