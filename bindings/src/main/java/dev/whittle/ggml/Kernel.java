package dev.whittle.ggml;

/// A computation of Whittle's own that is a node of a graph on the CPU (`GGML_OP_CUSTOM`).
///
/// All threads of the backend call it at once, each for its own share of the result. What it throws
/// comes out of [Backend#compute].
@FunctionalInterface
public interface Kernel {
  /// Computes one thread's share of a node whose sources hold their values.
  ///
  /// @param result the node, or what it writes over
  /// @param thread 0 to `threads` − 1
  /// @param threads how many threads share the node
  void compute(Tensor result, int thread, int threads);
}
