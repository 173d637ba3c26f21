package dev.whittle.huggingface;

import dev.whittle.gguf.GgufMetadata;
import java.util.List;
import java.util.Optional;

/// Llama 2 and 3, and the DeepSeek-R1 distillations of it: RoPE over neighbouring rows, and Llama
/// 3.1's scaling of it.
record Llama() implements ModelFamily {

  @Override
  public String architecture() {
    return "llama";
  }

  @Override
  public List<Weight> weights(ModelConfig config) {
    return new DecoderWeights(config)
        .queryAndKey(RowOrder.neighbouringPairs(config.headDim()))
        .list();
  }

  @Override
  public Optional<float[]> ropeFrequencyDivisors(ModelConfig config) {
    return config.rope().scaling() instanceof RopeScaling.Llama3 scaling
        ? Optional.of(scaling.frequencyDivisors(config.rope().base(), config.headDim()))
        : Optional.empty();
  }

  @Override
  public void putMetadata(GgufMetadata.Builder metadata, ModelConfig config) {
    metadata.putU32("llama.vocab_size", config.vocabulary());
    metadata.putU32("llama.rope.dimension_count", config.headDim());
  }

  /// Always, because `transformers` fills it in for this family.
  @Override
  public boolean putsHeadDim(ModelConfig config) {
    return true;
  }
}
