package dev.whittle.evaluation;

import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.Sampler;
import dev.whittle.ggml.SamplerOptions;

/// How the next token of one reply is chosen.
interface TokenChoice extends AutoCloseable {
  /// The token after the one at this index of the context's last batch.
  int choose(LlamaContext context, int index);

  @Override
  void close();

  /// Needs no state, and no copy of the logits.
  TokenChoice LIKELIEST =
      new TokenChoice() {
        @Override
        public int choose(LlamaContext context, int index) {
          return context.likeliestToken(index);
        }

        @Override
        public void close() {}
      };

  /// Draws with a random state of its own, so that a reply does not depend on the others.
  static TokenChoice drawn(SamplerOptions options, int prompt) {
    Sampler sampler = Sampler.of(options.withSeedOffset(prompt));
    return new TokenChoice() {
      @Override
      public int choose(LlamaContext context, int index) {
        return sampler.sample(context, index);
      }

      @Override
      public void close() {
        sampler.close();
      }
    };
  }
}
