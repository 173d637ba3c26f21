package dev.whittle.huggingface;

import java.util.List;

/// Qwen2 and 2.5, and the DeepSeek-R1 distillations of them: biases on queries, keys and values.
record Qwen2() implements ModelFamily {

  @Override
  public String architecture() {
    return "qwen2";
  }

  @Override
  public void check(JsonObject json, ModelConfig config) {
    config.rope().refuseLlama3(json);
  }

  @Override
  public List<Weight> weights(ModelConfig config) {
    return new DecoderWeights(config).queryAndKey(RowOrder.AS_IS).queryKeyValueBias().list();
  }
}
