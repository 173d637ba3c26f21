package dev.whittle.training;

import dev.whittle.ggml.TensorContext;

/// How the optimizer's moments of matrices and embeddings are stored; those of norms and biases are
/// always F32.
public enum MomentType {
  /// 8 bytes a weight.
  F32,
  /// 4 bytes a weight; see [BFloat16Moments].
  BF16,
  /// 2 bytes a weight and a little; see [BlockwiseMoments].
  Q8;

  /// Moments of a matrix, all zero once the context has been given its memory.
  Moments newMoments(TensorContext context, long inputs, long outputs) {
    return switch (this) {
      case F32 -> new F32Moments(context, inputs, outputs);
      case BF16 -> new BFloat16Moments(context, inputs, outputs);
      case Q8 -> new BlockwiseMoments(context, inputs, outputs);
    };
  }
}
