package dev.whittle.huggingface;

import java.util.OptionalLong;

/// The measures of a transformer, from its `config.json`.
///
/// @param layers the number of transformer blocks
/// @param contextLength the longest context, in tokens
/// @param hidden the width of the residual stream
/// @param feedForward the width of the feed-forward network
/// @param heads the number of query heads
/// @param keyValueHeads the number of key and value heads, which divides `heads`
/// @param statedHeadDim the width of a head, where the file states it
/// @param rmsEpsilon what RMSNorm adds to the mean square
/// @param vocabulary the number of rows of the token embedding
/// @param tiedHead whether the head is the token embedding
/// @param rope the rotary position embedding
record ModelConfig(
    int layers,
    long contextLength,
    long hidden,
    long feedForward,
    long heads,
    long keyValueHeads,
    OptionalLong statedHeadDim,
    double rmsEpsilon,
    int vocabulary,
    boolean tiedHead,
    Rope rope) {

  /// More than any model has; a bound on what a damaged file can make us allocate.
  private static final int MAX_LAYERS = 4096;

  /// @throws CheckpointException if a field is missing, out of range, or asks for something that is
  ///   not supported
  static ModelConfig parse(JsonObject config) {
    checkSupported(config);
    long contextLength = config.requireCount("max_position_embeddings", Integer.MAX_VALUE);
    long heads = config.requireCount("num_attention_heads", 1 << 20);
    long keyValueHeads = config.count("num_key_value_heads", 1 << 20).orElse(heads);
    if (heads % keyValueHeads != 0) {
      throw config.invalid(
          "num_key_value_heads", "must divide 'num_attention_heads', " + heads + "; correct it");
    }
    long hidden = config.requireCount("hidden_size", 1 << 24);
    OptionalLong headDim = config.count("head_dim", 1 << 20);
    if (headDim.isEmpty() && hidden % heads != 0) {
      throw config.invalid("head_dim", "is missing and hidden_size / heads is not whole; add it");
    }
    if (headDim.orElse(hidden / heads) % 2 != 0) {
      throw config.invalid("head_dim", "must be even for RoPE; correct it");
    }
    return new ModelConfig(
        (int) config.requireCount("num_hidden_layers", MAX_LAYERS),
        contextLength,
        hidden,
        config.requireCount("intermediate_size", 1 << 28),
        heads,
        keyValueHeads,
        headDim,
        config.positive("rms_norm_eps").orElse(1e-6),
        (int) config.requireCount("vocab_size", 1 << 24),
        config.bool("tie_word_embeddings").orElse(false),
        Rope.parse(config, contextLength));
  }

  private static void checkSupported(JsonObject config) {
    String activation = config.string("hidden_act").orElse("silu");
    if (!activation.equals("silu")) {
      throw config.invalid(
          "hidden_act", "is '" + activation + "', not silu; choose a model of a supported family");
    }
    if (config.bool("use_sliding_window").orElse(false)) {
      throw config.invalid(
          "use_sliding_window", "is true, which is not supported; choose a model without it");
    }
    if (config.has("quantization_config")) {
      throw config.invalid(
          "quantization_config",
          "says that the weights are quantized already; use the full-precision checkpoint");
    }
  }

  /// The width of a head.
  long headDim() {
    return statedHeadDim.orElse(hidden / heads);
  }
}
