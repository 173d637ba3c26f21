package dev.whittle.onednn;

import dev.whittle.ffi.onednn.OneDnnLibrary;
import dev.whittle.ggml.GgmlType;
import dev.whittle.onednn.Primitive.Parameter;
import dev.whittle.onednn.ProductShape.Steps;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// The computations that were compiled so far, each once for its shape.
final class Primitives {
  private static final int DIMENSIONS = 12;

  private final MemorySegment engine;
  private final MemorySegment stream;
  private final Map<ProductShape, Primitive> products = new ConcurrentHashMap<>();
  private final Map<RowShape, Primitive> softmaxes = new ConcurrentHashMap<>();
  private final Map<RowShape, Primitive> softmaxGradients = new ConcurrentHashMap<>();

  /// A contiguous matrix.
  private record RowShape(long rows, long columns) {}

  Primitives() {
    engine =
        Primitive.made(
            "its engine", at -> OneDnnLibrary.dnnl_engine_create(at, OneDnnLibrary.dnnl_cpu(), 0));
    stream =
        Primitive.made(
            "its stream",
            at ->
                OneDnnLibrary.dnnl_stream_create(
                    at, engine, OneDnnLibrary.dnnl_stream_default_flags()));
  }

  /// A matrix product; runs with the addresses of A, B and C (`dnnl_matmul`).
  Primitive product(ProductShape shape) {
    return products.computeIfAbsent(shape, this::compile);
  }

  /// The softmax of each row; runs with the addresses of source and result, which may be the same
  /// (`dnnl_softmax_forward`).
  Primitive softmax(long rows, long columns) {
    return softmaxes.computeIfAbsent(new RowShape(rows, columns), this::compileSoftmax);
  }

  /// The gradient at the source of a softmax; runs with the addresses of the softmax's result, of
  /// the gradient at that, and of the gradient at the source, where the last two may be the same
  /// (`dnnl_softmax_backward`).
  Primitive softmaxGradient(long rows, long columns) {
    return softmaxGradients.computeIfAbsent(
        new RowShape(rows, columns), this::compileSoftmaxGradient);
  }

  private Primitive compile(ProductShape p) {
    Primitive.useOneThread();
    int type = p.type() == GgmlType.BF16 ? OneDnnLibrary.dnnl_bf16() : OneDnnLibrary.dnnl_f32();
    MemorySegment a = matrix(type, p.rows(), p.inner(), p.a());
    MemorySegment b = matrix(type, p.inner(), p.columns(), p.b());
    MemorySegment c =
        matrix(OneDnnLibrary.dnnl_f32(), p.rows(), p.columns(), new Steps(p.cRow(), 1));
    MemorySegment attributes = attributes(p.scale(), p.accumulate());
    MemorySegment description =
        Primitive.made(
            "a product of " + p,
            at ->
                OneDnnLibrary.dnnl_matmul_primitive_desc_create(
                    at, engine, a, b, MemorySegment.NULL, c, attributes));
    OneDnnLibrary.dnnl_primitive_attr_destroy(attributes);
    return new Primitive(
        engine,
        stream,
        description,
        List.of(
            new Parameter(OneDnnLibrary.DNNL_ARG_SRC(), a),
            new Parameter(OneDnnLibrary.DNNL_ARG_WEIGHTS(), b),
            new Parameter(OneDnnLibrary.DNNL_ARG_DST(), c)));
  }

  private Primitive compileSoftmax(RowShape shape) {
    MemorySegment matrix = matrix(shape);
    return new Primitive(
        engine,
        stream,
        softmaxDescription(matrix),
        List.of(
            new Parameter(OneDnnLibrary.DNNL_ARG_SRC(), matrix),
            new Parameter(OneDnnLibrary.DNNL_ARG_DST(), matrix)));
  }

  private Primitive compileSoftmaxGradient(RowShape shape) {
    MemorySegment matrix = matrix(shape);
    MemorySegment forward = softmaxDescription(matrix);
    MemorySegment attributes = attributes(1, false);
    MemorySegment description =
        Primitive.made(
            "the gradient of a softmax",
            at ->
                OneDnnLibrary.dnnl_softmax_backward_primitive_desc_create(
                    at,
                    engine,
                    OneDnnLibrary.dnnl_softmax_accurate(),
                    matrix,
                    matrix,
                    matrix,
                    1,
                    forward,
                    attributes));
    OneDnnLibrary.dnnl_primitive_attr_destroy(attributes);
    return new Primitive(
        engine,
        stream,
        description,
        List.of(
            new Parameter(OneDnnLibrary.DNNL_ARG_DST(), matrix),
            new Parameter(OneDnnLibrary.DNNL_ARG_DIFF_DST(), matrix),
            new Parameter(OneDnnLibrary.DNNL_ARG_DIFF_SRC(), matrix)));
  }

  private MemorySegment softmaxDescription(MemorySegment matrix) {
    Primitive.useOneThread();
    MemorySegment attributes = attributes(1, false);
    MemorySegment description =
        Primitive.made(
            "a softmax",
            at ->
                OneDnnLibrary.dnnl_softmax_forward_primitive_desc_create(
                    at,
                    engine,
                    OneDnnLibrary.dnnl_forward_training(),
                    OneDnnLibrary.dnnl_softmax_accurate(),
                    matrix,
                    matrix,
                    1,
                    attributes));
    OneDnnLibrary.dnnl_primitive_attr_destroy(attributes);
    return description;
  }

  private static MemorySegment matrix(RowShape shape) {
    return matrix(
        OneDnnLibrary.dnnl_f32(), shape.rows(), shape.columns(), new Steps(shape.columns(), 1));
  }

  private static MemorySegment matrix(int type, long rows, long columns, Steps steps) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment extents = arena.allocate(ValueLayout.JAVA_LONG, DIMENSIONS);
      MemorySegment strides = arena.allocate(ValueLayout.JAVA_LONG, DIMENSIONS);
      extents.setAtIndex(ValueLayout.JAVA_LONG, 0, rows);
      extents.setAtIndex(ValueLayout.JAVA_LONG, 1, columns);
      strides.setAtIndex(ValueLayout.JAVA_LONG, 0, steps.row());
      strides.setAtIndex(ValueLayout.JAVA_LONG, 1, steps.column());
      return Primitive.made(
          "a matrix of " + rows + " × " + columns,
          at -> OneDnnLibrary.dnnl_memory_desc_create_with_strides(at, 2, extents, type, strides));
    }
  }

  /// What happens to a result before it is written.
  private static MemorySegment attributes(float scale, boolean accumulate) {
    MemorySegment attributes =
        Primitive.made("attributes", OneDnnLibrary::dnnl_primitive_attr_create);
    Primitive.check(
        OneDnnLibrary.dnnl_primitive_attr_set_scratchpad_mode(
            attributes, OneDnnLibrary.dnnl_scratchpad_mode_user()),
        "attributes");
    if (scale == 1 && !accumulate) {
      return attributes;
    }
    MemorySegment operations = Primitive.made("attributes", OneDnnLibrary::dnnl_post_ops_create);
    if (scale != 1) {
      Primitive.check(
          OneDnnLibrary.dnnl_post_ops_append_eltwise(
              operations, OneDnnLibrary.dnnl_eltwise_linear(), scale, 0),
          "attributes");
    }
    if (accumulate) {
      Primitive.check(
          OneDnnLibrary.dnnl_post_ops_append_sum(
              operations, 1, 0, OneDnnLibrary.dnnl_data_type_undef()),
          "attributes");
    }
    Primitive.check(
        OneDnnLibrary.dnnl_primitive_attr_set_post_ops(attributes, operations), "attributes");
    OneDnnLibrary.dnnl_post_ops_destroy(operations);
    return attributes;
  }
}
