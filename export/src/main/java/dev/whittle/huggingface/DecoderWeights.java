package dev.whittle.huggingface;

import java.util.ArrayList;
import java.util.List;

/// Lists the tensors of a decoder-only transformer with gated feed-forward networks: what the
/// families have in common, and the parts by which they differ.
final class DecoderWeights {
  private final ModelConfig config;
  private final List<Weight> weights = new ArrayList<>();

  DecoderWeights(ModelConfig config) {
    this.config = config;
    long hidden = config.hidden();
    long vocabulary = config.vocabulary();
    add("model.embed_tokens.weight", "token_embd.weight", hidden, vocabulary);
    add("model.norm.weight", "output_norm.weight", hidden);
    if (!config.tiedHead()) {
      add("lm_head.weight", "output.weight", hidden, vocabulary);
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      addToLayer(layer, "input_layernorm.weight", "attn_norm.weight", hidden);
      addToLayer(layer, "post_attention_layernorm.weight", "ffn_norm.weight", hidden);
      addToLayer(layer, "mlp.gate_proj.weight", "ffn_gate.weight", hidden, config.feedForward());
      addToLayer(layer, "mlp.up_proj.weight", "ffn_up.weight", hidden, config.feedForward());
      addToLayer(layer, "mlp.down_proj.weight", "ffn_down.weight", config.feedForward(), hidden);
      addToLayer(layer, "self_attn.v_proj.weight", "attn_v.weight", hidden, keyValueWidth());
      addToLayer(layer, "self_attn.o_proj.weight", "attn_output.weight", queryWidth(), hidden);
    }
  }

  /// The projections to queries and keys, whose rows RoPE pairs.
  DecoderWeights queryAndKey(RowOrder rows) {
    for (int layer = 0; layer < config.layers(); layer++) {
      String source = "model.layers." + layer + ".self_attn.";
      String target = "blk." + layer + ".";
      List<Long> query = List.of(config.hidden(), queryWidth());
      List<Long> key = List.of(config.hidden(), keyValueWidth());
      weights.add(new Weight(source + "q_proj.weight", target + "attn_q.weight", query, rows));
      weights.add(new Weight(source + "k_proj.weight", target + "attn_k.weight", key, rows));
    }
    return this;
  }

  /// Biases of the projections to queries, keys and values.
  DecoderWeights queryKeyValueBias() {
    for (int layer = 0; layer < config.layers(); layer++) {
      addToLayer(layer, "self_attn.q_proj.bias", "attn_q.bias", queryWidth());
      addToLayer(layer, "self_attn.k_proj.bias", "attn_k.bias", keyValueWidth());
      addToLayer(layer, "self_attn.v_proj.bias", "attn_v.bias", keyValueWidth());
    }
    return this;
  }

  /// RMSNorm over each head of the queries and keys.
  DecoderWeights queryAndKeyNorm() {
    for (int layer = 0; layer < config.layers(); layer++) {
      addToLayer(layer, "self_attn.q_norm.weight", "attn_q_norm.weight", config.headDim());
      addToLayer(layer, "self_attn.k_norm.weight", "attn_k_norm.weight", config.headDim());
    }
    return this;
  }

  List<Weight> list() {
    return List.copyOf(weights);
  }

  private long queryWidth() {
    return config.heads() * config.headDim();
  }

  private long keyValueWidth() {
    return config.keyValueHeads() * config.headDim();
  }

  private void addToLayer(int layer, String source, String target, Long... shape) {
    add("model.layers." + layer + "." + source, "blk." + layer + "." + target, shape);
  }

  private void add(String source, String target, Long... shape) {
    weights.add(new Weight(source, target, List.of(shape)));
  }
}
