package dev.whittle.ggml;

/// A computation of Whittle's own that is a node of a graph on a GPU.
@FunctionalInterface
interface DeviceKernel {
  /// Queues the computation of a node whose sources are computed before it.
  void launch(CudaKernels cuda, Tensor result);
}
