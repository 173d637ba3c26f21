package dev.whittle.ggml;

/// Sees the tensors of a context's graph as they are computed (`ggml_backend_sched_eval_callback`).
///
/// What it throws ends the computation and comes out of [LlamaContext#decode].
public interface EvalCallback {
  /// Whether [#computed] is to be called for this node. Asked before the node is computed: names,
  /// types and shapes are known, the contents are not. Every node that is wanted costs a
  /// synchronization.
  boolean wants(ObservedNode node);

  /// The node and its sources hold their values now, until this returns.
  void computed(ObservedNode node);
}
