package dev.whittle.synthesis;

import dev.whittle.evaluation.BatchedGenerator;
import dev.whittle.evaluation.Generation;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.SamplerOptions;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// Generates text that a number and a seed decide.
final class SeededGenerator {
  private final LlamaModel model;
  private final GenerationOptions options;
  private final long firstSeed;
  private final IntConsumer tokens;

  /// @param sampling how tokens are drawn, its seed not counting; null for the likeliest always
  /// @param seed of all numbers
  /// @param tokens is told how many tokens were generated, text by text
  SeededGenerator(
      LlamaModel model,
      GenerationOptions options,
      @Nullable SamplerOptions sampling,
      long seed,
      IntConsumer tokens) {
    this.model = model;
    this.options = options.withSampling(sampling);
    // Neighbouring seeds must not have neighbouring numbers' draws in common.
    this.firstSeed = new SplittableRandom(seed).nextLong(1L << 32);
    this.tokens = tokens;
  }

  /// Continues each prompt.
  ///
  /// @param from the number of the first
  List<Generation> generate(List<int[]> prompts, long from) {
    SamplerOptions sampling = options.sampling();
    GenerationOptions numbered =
        sampling == null
            ? options
            : options.withSampling(sampling.withSeed(0).withSeedOffset(firstSeed + from));
    Generation[] texts = new Generation[prompts.size()];
    new BatchedGenerator(model, numbered)
        .generate(
            prompts,
            text -> {
              texts[text.prompt()] = text;
              tokens.accept(text.tokens().length);
            });
    return List.of(texts);
  }
}
