package dev.whittle.distillation;

import dev.whittle.model.BatchShape;

/// How the tokens of a step are split.
///
/// @param shape of a micro-batch
/// @param microBatches how many make a step
public record BatchPlan(BatchShape shape, int microBatches) {
  /// Rows are a multiple of this: products and the softmax work on whole vectors.
  private static final int ROW_STEP = 32;

  /// A micro-batch has at most so many tokens, unless a single row is longer. More would not run
  /// faster and only take memory.
  private static final int MICRO_BATCH_TOKENS = 2048;

  /// The split for a step of about `tokensPerStep` tokens, with rows no longer than the longest
  /// document needs: attention costs as much as rows are long.
  public static BatchPlan of(int tokensPerStep, int longestDocument) {
    int length = (longestDocument + ROW_STEP - 1) / ROW_STEP * ROW_STEP;
    int rows = Math.max(1, Math.round((float) tokensPerStep / length));
    int micro = Math.max(1, Math.ceilDiv(rows * length, MICRO_BATCH_TOKENS));
    return new BatchPlan(new BatchShape(Math.ceilDiv(rows, micro), length), micro);
  }

  /// Places for tokens in a step.
  public int tokens() {
    return shape.tokens() * microBatches;
  }
}
