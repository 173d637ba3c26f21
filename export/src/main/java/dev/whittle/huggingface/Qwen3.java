package dev.whittle.huggingface;

import java.util.List;

/// Qwen3: RMSNorm over the queries and keys of each head.
record Qwen3() implements ModelFamily {

  @Override
  public String architecture() {
    return "qwen3";
  }

  @Override
  public void check(JsonObject json, ModelConfig config) {
    if (config.statedHeadDim().isEmpty()) {
      throw json.invalid("head_dim", "is missing; download the file again, or add the field");
    }
    config.rope().refuseLlama3(json);
  }

  @Override
  public List<Weight> weights(ModelConfig config) {
    return new DecoderWeights(config).queryAndKey(RowOrder.AS_IS).queryAndKeyNorm().list();
  }
}
