package dev.whittle.distillation;

import dev.whittle.ggml.Device;
import dev.whittle.model.BatchShape;

/// How the tokens of a step are split.
///
/// @param shape of a micro-batch
/// @param microBatches how many make a step, a multiple of the number of devices
public record BatchPlan(BatchShape shape, int microBatches) {
  /// Rows are a multiple of this: products and the softmax work on whole vectors.
  private static final int ROW_STEP = 32;

  /// Tokens of a micro-batch on a CPU. More would not run faster and only take memory.
  private static final int HOST_TOKENS = 2048;

  /// Tokens of a micro-batch on a GPU, which only works at its full rate on large batches. Some of
  /// ggml's CUDA kernels cannot take more than 65,535.
  private static final int DEVICE_TOKENS = 32_768;

  /// The split for a step of about `tokensPerStep` tokens, with rows no longer than the longest
  /// document needs: attention costs as much as rows are long.
  ///
  /// @param microBatchTokens the most in a micro-batch, unless a single row is longer
  /// @param devices that share a step, each with as many micro-batches as the others
  public static BatchPlan of(
      int tokensPerStep, int longestDocument, int microBatchTokens, int devices) {
    int length = rowLength(longestDocument);
    int rows = Math.max(1, Math.round((float) tokensPerStep / length));
    int share = Math.ceilDiv(rows, devices);
    int micro = Math.max(1, Math.ceilDiv(share, Math.max(1, microBatchTokens / length)));
    return new BatchPlan(new BatchShape(Math.ceilDiv(share, micro), length), micro * devices);
  }

  /// The tokens of a row with room for the longest document.
  public static int rowLength(int longestDocument) {
    return Math.ceilDiv(longestDocument, ROW_STEP) * ROW_STEP;
  }

  /// The tokens of a micro-batch that suit a device.
  public static int microBatchTokens(Device device) {
    return device.kind() == Device.Kind.CPU ? HOST_TOKENS : DEVICE_TOKENS;
  }

  /// Places for tokens in a step.
  public int tokens() {
    return shape.tokens() * microBatches;
  }
}
