package dev.whittle.inference;

import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Sampler;
import dev.whittle.ggml.SamplerOptions;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Continues one text, handing out what it writes as it writes it.
public final class TextGenerator {
  private final LlamaModel model;
  private final int threads;
  private final AttentionOptions attention;
  private final @Nullable SamplerOptions sampling;

  /// @param sampling how tokens are drawn; null for the likeliest token always
  public TextGenerator(
      LlamaModel model,
      int threads,
      AttentionOptions attention,
      @Nullable SamplerOptions sampling) {
    this.model = model;
    this.threads = threads;
    this.attention = attention;
    this.sampling = sampling;
  }

  /// Continues a prompt until the model ends its text, `maxTokens` are written, or the context is
  /// full.
  ///
  /// @param prompt token ids, at least one
  /// @param contextLength how many tokens, those of the prompt included, the model may look back on
  /// @param written is given the text piece by piece, without control tokens
  /// @throws IllegalArgumentException if the prompt is empty, or leaves no room in the context
  public Continuation generate(
      int[] prompt, int maxTokens, int contextLength, Consumer<String> written) {
    if (prompt.length == 0 || prompt.length >= contextLength) {
      throw new IllegalArgumentException(
          "a prompt of " + prompt.length + " tokens for a context of " + contextLength);
    }
    LlamaContextOptions options =
        LlamaContextOptions.builder()
            .contextLength(contextLength)
            .maxOutputs(1)
            .threads(threads)
            .attention(attention)
            .build();
    try (LlamaContext context = model.newContext(options);
        Sampler sampler = sampling == null ? null : Sampler.of(sampling)) {
      TokenLoop loop = new TokenLoop(context, sampler);
      long start = System.nanoTime();
      loop.read(prompt, 0);
      long promptRead = System.nanoTime();
      int limit = Math.min(maxTokens, contextLength - prompt.length);
      int tokens = loop.write(limit, written, () -> false).length;
      long end = System.nanoTime();
      return new Continuation(
          prompt.length, (promptRead - start) / 1e9, tokens, (end - promptRead) / 1e9);
    }
  }
}
