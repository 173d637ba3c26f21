package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Chooses the next token by llama.cpp's samplers (`llama_sampler_chain_init`). It keeps a random
/// state: use one for each sequence whose draws are to be repeatable, and not from several threads
/// at once.
public final class Sampler implements AutoCloseable {
  private final NativeHandle handle;

  private Sampler(NativeHandle handle) {
    this.handle = handle;
  }

  /// Draws at random.
  public static Sampler of(SamplerOptions options) {
    Sampler sampler = chain();
    if (options.topK() > 0) {
      sampler.append(Llama.llama_sampler_init_top_k(options.topK()));
    }
    if (options.topP() < 1) {
      sampler.append(Llama.llama_sampler_init_top_p((float) options.topP(), 1));
    }
    if (options.minP() > 0) {
      sampler.append(Llama.llama_sampler_init_min_p((float) options.minP(), 1));
    }
    sampler.append(Llama.llama_sampler_init_temp((float) options.temperature()));
    sampler.append(Llama.llama_sampler_init_dist((int) options.seed()));
    return sampler;
  }

  private static Sampler chain() {
    NativeRuntime.load();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chain =
          Llama.llama_sampler_chain_init(Llama.llama_sampler_chain_default_params(arena));
      return new Sampler(NativeHandle.own("the sampler", chain, Llama::llama_sampler_free));
    }
  }

  /// The chain owns the link from here on.
  private void append(MemorySegment link) {
    Llama.llama_sampler_chain_add(handle.pointer(), link);
  }

  /// Chooses the token after the one at this index of the context's last batch, and takes note of
  /// it (`llama_sampler_sample`).
  ///
  /// @throws IllegalArgumentException if that token did not ask for logits
  /// @throws NativeException if the logits are not finite numbers, which means that the model is
  ///   broken
  public int sample(LlamaContext context, int index) {
    context.requireSoftmax(index);
    return Llama.llama_sampler_sample(handle.pointer(), context.pointer(), index);
  }

  /// Forgets what was sampled, and starts the random numbers from the seed again.
  public void reset() {
    Llama.llama_sampler_reset(handle.pointer());
  }

  @Override
  public void close() {
    handle.close();
  }
}
