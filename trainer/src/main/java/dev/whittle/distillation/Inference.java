package dev.whittle.distillation;

import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.LlamaModelOptions;

/// How llama.cpp runs the student between steps, where it is asked something.
///
/// @param model where its layers go
/// @param parallel most replies that are generated at once; 0 for as many as keep the processors
///   busy
/// @param threads on the CPU
public record Inference(LlamaModelOptions model, int parallel, int threads) {
  /// How it replies, by the likeliest token.
  GenerationOptions generation(int maxNewTokens) {
    return GenerationOptions.greedy(maxNewTokens).withParallel(parallel).withThreads(threads);
  }
}
