package dev.whittle.quantization;

/// What a tensor does in the model, as far as it matters for the choice of its type. Told by the
/// name, as llama.cpp does (`tensor_get_category`).
enum TensorRole {
  TOKEN_EMBEDDING,
  QUERY,
  KEY,
  /// The value projection, also where it is fused with others.
  VALUE,
  ATTENTION_OUTPUT,
  GATE,
  UP,
  DOWN,
  OUTPUT,
  OTHER;

  static TensorRole of(String name) {
    return switch (name) {
      case "output.weight" -> OUTPUT;
      case "token_embd.weight", "per_layer_token_embd.weight" -> TOKEN_EMBEDDING;
      default -> ofPart(name);
    };
  }

  private static TensorRole ofPart(String name) {
    if (name.contains("attn_qkv.weight")
        || name.contains("attn_kv_b.weight")
        || name.contains("attn_v.weight")) {
      return VALUE;
    }
    if (name.contains("attn_k.weight")) {
      return KEY;
    }
    if (name.contains("attn_q.weight")) {
      return QUERY;
    }
    if (name.contains("attn_output.weight")) {
      return ATTENTION_OUTPUT;
    }
    if (name.contains("ffn_up")) {
      return UP;
    }
    if (name.contains("ffn_gate")) {
      return GATE;
    }
    return name.contains("ffn_down") ? DOWN : OTHER;
  }
}
