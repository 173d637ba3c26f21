package dev.whittle.evaluation;

import dev.whittle.ggml.SamplerOptions;
import org.jspecify.annotations.Nullable;

/// How replies are generated.
///
/// @param maxNewTokens a reply that does not end by itself is cut off after so many tokens
/// @param parallel how many replies are generated at once
/// @param threads threads on the CPU
/// @param sampling how tokens are drawn, the seed being that of the first prompt, and one more for
///   each after it; null for the likeliest token always
public record GenerationOptions(
    int maxNewTokens, int parallel, int threads, @Nullable SamplerOptions sampling) {
  /// What a batch of one token from each of 32 sequences gains over a single one is most of what
  /// there is to gain on a CPU.
  private static final int DEFAULT_PARALLEL = 32;

  public GenerationOptions {
    if (maxNewTokens < 1 || parallel < 1 || threads < 1) {
      throw new IllegalArgumentException(
          "%d new tokens, %d in parallel, %d threads: each must be 1 or more"
              .formatted(maxNewTokens, parallel, threads));
    }
  }

  /// The likeliest token always, on all processors.
  public static GenerationOptions greedy(int maxNewTokens) {
    return new GenerationOptions(
        maxNewTokens, DEFAULT_PARALLEL, Runtime.getRuntime().availableProcessors(), null);
  }

  public GenerationOptions withParallel(int replies) {
    return new GenerationOptions(maxNewTokens, replies, threads, sampling);
  }

  public GenerationOptions withThreads(int count) {
    return new GenerationOptions(maxNewTokens, parallel, count, sampling);
  }

  public GenerationOptions withSampling(SamplerOptions options) {
    return new GenerationOptions(maxNewTokens, parallel, threads, options);
  }
}
