package dev.whittle.ggml;

import org.jspecify.annotations.Nullable;

/// How a context computes (`llama_context_params`).
///
/// @param contextLength tokens in the cache, of all sequences together; 0 for the length that the
///   model was trained with. llama.cpp rounds it up to whole 256 for each sequence
/// @param batchSize the most tokens of one [LlamaContext#decode]
/// @param microBatchSize the most tokens that are computed at once; memory grows with it
/// @param sequences how many sequences the cache can hold
/// @param maxOutputs the most tokens of one batch that may want logits; the logits take this many
///   rows of the vocabulary's width. 0 for the batch size
/// @param threads threads on the CPU
/// @param flashAttention whether attention is computed in one fused operation
/// @param keyType the cache's type for keys
/// @param valueType the cache's type for values; a quantized one needs flash attention
/// @param unifiedCache whether all sequences share one stretch of the cache, so that any of them
///   may grow to `contextLength`; otherwise each has an equal part to itself, which is faster for
///   many sequences
/// @param evalCallback sees the tensors of the graph as they are computed
public record LlamaContextOptions(
    int contextLength,
    int batchSize,
    int microBatchSize,
    int sequences,
    int maxOutputs,
    int threads,
    FlashAttention flashAttention,
    GgmlType keyType,
    GgmlType valueType,
    boolean unifiedCache,
    @Nullable EvalCallback evalCallback) {

  /// `LLAMA_MAX_SEQ`.
  private static final int MOST_SEQUENCES = 256;

  /// When attention is computed in one fused operation (`enum llama_flash_attn_type`).
  public enum FlashAttention {
    /// Where the device has it.
    AUTO,
    ON,
    OFF
  }

  public LlamaContextOptions {
    require(contextLength >= 0, "contextLength", contextLength, "0 or more");
    require(batchSize >= 1, "batchSize", batchSize, "1 or more");
    require(microBatchSize >= 1, "microBatchSize", microBatchSize, "1 or more");
    require(
        sequences >= 1 && sequences <= MOST_SEQUENCES,
        "sequences",
        sequences,
        "1 to " + MOST_SEQUENCES);
    require(threads >= 1, "threads", threads, "1 or more");
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
    requireCacheType(keyType);
    requireCacheType(valueType);
    if (flashAttention == FlashAttention.OFF
        && (keyType.isQuantized() || valueType.isQuantized())) {
      throw new IllegalArgumentException(
          "a quantized cache needs flash attention: allow it, or choose F16 for the cache");
    }
  }

  private static void require(boolean holds, String name, int value, String mend) {
    if (!holds) {
      throw new IllegalArgumentException(name + " is " + value + "; it must be " + mend);
    }
  }

  private static void requireCacheType(GgmlType type) {
    switch (type) {
      case F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL -> {}
      default ->
          throw new IllegalArgumentException(
              "the cache cannot hold "
                  + type
                  + "; choose F32, F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0 or IQ4_NL");
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
    private FlashAttention flashAttention = FlashAttention.AUTO;
    private GgmlType keyType = GgmlType.F16;
    private GgmlType valueType = GgmlType.F16;
    private boolean unifiedCache;
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

    public Builder flashAttention(FlashAttention when) {
      flashAttention = when;
      return this;
    }

    public Builder cacheTypes(GgmlType keys, GgmlType values) {
      keyType = keys;
      valueType = values;
      return this;
    }

    public Builder unifiedCache(boolean unified) {
      unifiedCache = unified;
      return this;
    }

    public Builder evalCallback(EvalCallback callback) {
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
          flashAttention,
          keyType,
          valueType,
          unifiedCache,
          evalCallback);
    }
  }
}
