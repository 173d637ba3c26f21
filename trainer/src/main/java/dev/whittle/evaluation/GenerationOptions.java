package dev.whittle.evaluation;

import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.EvalCallback;
import dev.whittle.ggml.SamplerOptions;
import org.jspecify.annotations.Nullable;

/// How replies are generated.
///
/// @param maxNewTokens a reply that does not end by itself is cut off after so many tokens
/// @param parallel most replies that are generated at once; 0 for as many as keep the processors
///   busy: 32 for each context that a [BatchedGenerator] makes on a CPU, 256 on a GPU
/// @param contextLength most tokens of a prompt and its reply together; a reply is cut off there. 0
///   for as many as the longest needs
/// @param endless whether a reply goes on when the model ends it, for measurements
/// @param threads threads on the CPU
/// @param attention how attention is computed, and the types of the cache
/// @param sampling how tokens are drawn, the seed being that of the first prompt, and one more for
///   each after it; null for the likeliest token always
/// @param evalCallback sees what is computed, from several threads at once
public record GenerationOptions(
    int maxNewTokens,
    int parallel,
    int contextLength,
    boolean endless,
    int threads,
    AttentionOptions attention,
    @Nullable SamplerOptions sampling,
    @Nullable EvalCallback evalCallback) {
  public GenerationOptions {
    if (maxNewTokens < 1 || threads < 1) {
      throw new IllegalArgumentException(
          "%d new tokens, %d threads: each must be 1 or more".formatted(maxNewTokens, threads));
    }
    if (parallel < 0 || contextLength < 0) {
      throw new IllegalArgumentException(
          "%d in parallel, a context of %d tokens: each must be 0 or more"
              .formatted(parallel, contextLength));
    }
  }

  /// The likeliest token always, on all processors.
  public static GenerationOptions greedy(int maxNewTokens) {
    return new GenerationOptions(
        maxNewTokens,
        0,
        0,
        false,
        Runtime.getRuntime().availableProcessors(),
        AttentionOptions.defaults(),
        null,
        null);
  }

  public GenerationOptions withParallel(int replies) {
    return new GenerationOptions(
        maxNewTokens, replies, contextLength, endless, threads, attention, sampling, evalCallback);
  }

  public GenerationOptions withContextLength(int tokens) {
    return new GenerationOptions(
        maxNewTokens, parallel, tokens, endless, threads, attention, sampling, evalCallback);
  }

  /// Every reply has all its tokens, whatever the model makes of it.
  public GenerationOptions withoutEnd() {
    return new GenerationOptions(
        maxNewTokens, parallel, contextLength, true, threads, attention, sampling, evalCallback);
  }

  public GenerationOptions withAttention(AttentionOptions options) {
    return new GenerationOptions(
        maxNewTokens, parallel, contextLength, endless, threads, options, sampling, evalCallback);
  }

  public GenerationOptions withThreads(int count) {
    return new GenerationOptions(
        maxNewTokens, parallel, contextLength, endless, count, attention, sampling, evalCallback);
  }

  public GenerationOptions withSampling(@Nullable SamplerOptions options) {
    return new GenerationOptions(
        maxNewTokens, parallel, contextLength, endless, threads, attention, options, evalCallback);
  }

  public GenerationOptions withEvalCallback(@Nullable EvalCallback callback) {
    return new GenerationOptions(
        maxNewTokens, parallel, contextLength, endless, threads, attention, sampling, callback);
  }
}
