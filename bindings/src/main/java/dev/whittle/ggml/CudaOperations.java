package dev.whittle.ggml;

import java.util.Optional;

/// Operations that Whittle's CUDA kernels compute as nodes of ggml's graphs: several times as fast
/// as what they replace, because they read and write each value once.
///
/// Only a backend on a CUDA device runs them.
public final class CudaOperations {
  private static final CudaOperations INSTANCE = new CudaOperations();

  private CudaOperations() {}

  /// The operations, if a backend's device has the kernels for them.
  ///
  /// @throws NativeException if they are there and cannot be used
  public static Optional<CudaOperations> on(Backend backend) {
    return CudaKernels.existFor(backend) ? Optional.of(INSTANCE) : Optional.empty();
  }

  /// Whether [#rmsNorm] takes rows of so many elements.
  public boolean normalizes(long n) {
    return dev.whittle.ffi.WhittleCuda.whittle_cuda_normalizes(n) != 0;
  }

  /// x / sqrt(mean(x²) + ε) · weight over dimension 0.
  ///
  /// @param x [n, …] F32
  /// @param weight [n] F32
  public Tensor rmsNorm(Operations operations, Tensor x, Tensor weight, float epsilon) {
    requireNorm(x, weight);
    return operations.launch(
        (cuda, y) -> cuda.rmsNorm(x, weight, y, epsilon), x.shape(), x, weight);
  }

  /// The gradient at x of [#rmsNorm]; when it is computed, the gradient at the weight is added to
  /// `weightGradient` [n].
  public Tensor rmsNormBack(
      Operations operations,
      Tensor gradient,
      Tensor x,
      Tensor weight,
      Tensor weightGradient,
      float epsilon) {
    requireNorm(x, weight);
    requireNorm(gradient, weightGradient);
    require(gradient.elements() == x.elements(), gradient + " is no gradient at " + x);
    return operations.launch(
        (cuda, dx) -> cuda.rmsNormBack(gradient, x, weight, dx, weightGradient, epsilon),
        x.shape(),
        gradient,
        x,
        weight);
  }

  private void requireNorm(Tensor x, Tensor weight) {
    requireFloats(x);
    requireFloats(weight);
    require(
        normalizes(x.dimension(0)) && weight.elements() == x.dimension(0),
        weight + " cannot normalize " + x);
  }

  /// Whether [#rope] computes this embedding.
  public boolean rotates(Rope rope, long head) {
    return rope.pairing() == Rope.Pairing.HALVES
        && rope.dimensions() == head
        && rope.extrapolation() == 0
        && rope.attention() == 1;
  }

  /// Rotates the heads of `x` [head, heads, tokens] by their positions [tokens], or back.
  public Tensor rope(Operations operations, Tensor x, Tensor positions, Rope rope, boolean back) {
    requireFloats(x);
    require(
        rotates(rope, x.dimension(0))
            && positions.type() == GgmlType.I32
            && positions.elements() == x.dimension(2),
        x + " cannot be rotated by " + positions);
    float direction = back ? -1 : 1;
    return operations.launch(
        (cuda, y) -> cuda.rope(x, positions, rope, y, direction), x.shape(), x, positions);
  }

  /// softmax(`scores` · `scale`) over dimension 0, of which a query sees what is before it in its
  /// document.
  ///
  /// @param scores [length, length, heads, rows] F32
  /// @param starts the first key that each query sees, [length, rows] I32
  public Tensor causalSoftmax(Operations operations, Tensor scores, Tensor starts, float scale) {
    requireFloats(scores);
    require(
        scores.dimension(0) == scores.dimension(1)
            && starts.type() == GgmlType.I32
            && starts.hasShape(scores.dimension(0), scores.dimension(3)),
        starts + " does not fit " + scores);
    return operations.launch(
        (cuda, y) -> cuda.causalSoftmax(scores, starts, y, scale), scores.shape(), scores, starts);
  }

  /// The gradients of silu(`gate`) · `up` [n, tokens] at both, one behind the other: [n, tokens,
  /// 2].
  public Tensor swigluBack(Operations operations, Tensor gradient, Tensor gate, Tensor up) {
    requireFloats(gradient);
    requireFloats(gate);
    requireFloats(up);
    require(
        gate.hasShapeOf(up) && gate.hasShapeOf(gradient) && gate.dimension(2) == 1,
        gate + ", " + up + " and " + gradient + " must be matrices of the same shape");
    return operations.launch(
        (cuda, gradients) -> cuda.swigluBack(gradient, gate, up, gradients),
        new long[] {gate.dimension(0), gate.dimension(1), 2, 1},
        gradient,
        gate,
        up);
  }

  private static void requireFloats(Tensor tensor) {
    require(
        tensor.type() == GgmlType.F32 && tensor.isContiguous(), tensor + " must be contiguous F32");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
