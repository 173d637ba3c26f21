package dev.whittle.ggml;

import org.jspecify.annotations.Nullable;

/// How a context computes (`llama_context_params`).
///
/// @param contextLength tokens in the cache, of all sequences together; 0 for the length that the
///   model was trained with. llama.cpp rounds it up to whole 256 for each sequence
/// @param batchSize the most tokens of one [LlamaContext#decode]
/// @param microBatchSize the most tokens that are computed at once; memory grows with it
/// @param sequences how many sequences the cache can hold, each in an equal part of its own
/// @param maxOutputs the most tokens of one batch that may want logits; the logits take this many
///   rows of the vocabulary's width. 0 for the batch size
/// @param threads threads on the CPU
/// @param attention how attention is computed, and the types of the cache
/// @param evalCallback sees the tensors of the graph as they are computed
public record LlamaContextOptions(
    int contextLength,
    int batchSize,
    int microBatchSize,
    int sequences,
    int maxOutputs,
    int threads,
    AttentionOptions attention,
    @Nullable EvalCallback evalCallback) {

  /// `LLAMA_MAX_SEQ`.
  public static final int MOST_SEQUENCES = 256;

  public LlamaContextOptions {
    require(contextLength >= 0, "contextLength", contextLength, "0 or more");
    require(batchSize >= 1, "batchSize", batchSize, "1 or more");
    require(microBatchSize >= 1, "microBatchSize", microBatchSize, "1 or more");
    require(
        sequences >= 1 && sequences <= MOST_SEQUENCES,
        "sequences",
        sequences,
        "1 to " + MOST_SEQUENCES);
    require(
        threads >= 1 && threads <= Backend.MOST_THREADS,
        "threads",
        threads,
        "1 to " + Backend.MOST_THREADS);
    maxOutputs = maxOutputs == 0 ? batchSize : maxOutputs;
    // The library keeps a row for every sequence, and asserts that there is room for them.
    require(
        maxOutputs >= sequences && maxOutputs <= batchSize,
        "maxOutputs",
        maxOutputs,
        "0, or from the number of sequences (" + sequences + ") to the batch size " + batchSize);
    require(
        contextLength == 0 || contextLength >= sequences,
        "contextLength",
        contextLength,
        "0, or at least the number of sequences (" + sequences + ")");
  }

  private static void require(boolean holds, String name, int value, String mend) {
    if (!holds) {
      throw new IllegalArgumentException(name + " is " + value + "; it must be " + mend);
    }
  }

  public static Builder builder() {
    return new Builder();
  }

  /// Starts from one sequence of the model's trained length, on all processors.
  public static final class Builder {
    private int contextLength;
    private int batchSize = 2048;
    private int microBatchSize = 512;
    private int sequences = 1;
    private int maxOutputs;
    private int threads = Runtime.getRuntime().availableProcessors();
    private AttentionOptions attention = AttentionOptions.defaults();
    private @Nullable EvalCallback evalCallback;

    private Builder() {}

    public Builder contextLength(int tokens) {
      contextLength = tokens;
      return this;
    }

    public Builder batchSize(int tokens) {
      batchSize = tokens;
      return this;
    }

    public Builder microBatchSize(int tokens) {
      microBatchSize = tokens;
      return this;
    }

    public Builder sequences(int count) {
      sequences = count;
      return this;
    }

    public Builder maxOutputs(int tokens) {
      maxOutputs = tokens;
      return this;
    }

    public Builder threads(int count) {
      threads = count;
      return this;
    }

    public Builder attention(AttentionOptions options) {
      attention = options;
      return this;
    }

    public Builder evalCallback(@Nullable EvalCallback callback) {
      evalCallback = callback;
      return this;
    }

    /// @throws IllegalArgumentException naming the option that is out of range
    public LlamaContextOptions build() {
      return new LlamaContextOptions(
          contextLength,
          batchSize,
          microBatchSize,
          sequences,
          maxOutputs,
          threads,
          attention,
          evalCallback);
    }
  }
}
