package dev.whittle.huggingface;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/// A model's rotary position embedding.
///
/// `config.json` has it in two spellings: `rope_theta` beside an optional `rope_scaling` up to
/// transformers 4, one `rope_parameters` from transformers 5 on.
///
/// @param base the base of the frequencies
record Rope(double base, RopeScaling scaling) {
  private static final double DEFAULT_BASE = 10_000;

  /// @throws CheckpointException if it is of a kind that llama.cpp does not have for these models
  static Rope parse(JsonObject config, long contextLength) {
    Optional<JsonObject> parameters =
        config.object(config.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
    if (parameters.isEmpty()) {
      return new Rope(config.positive("rope_theta").orElse(DEFAULT_BASE), new RopeScaling.None());
    }
    JsonObject all = parameters.get();
    if (all.has("sliding_attention")) {
      throw all.invalid("sliding_attention", "is not supported; choose a model without it");
    }
    JsonObject rope = all.object("full_attention").orElse(all);
    double base =
        rope.positive("rope_theta")
            .orElseGet(() -> config.positive("rope_theta").orElse(DEFAULT_BASE));
    if (rope.positive("partial_rotary_factor").orElse(1) != 1) {
      throw rope.invalid("partial_rotary_factor", "is not 1; choose a model that rotates it all");
    }
    return new Rope(base, scaling(config, rope, contextLength));
  }

  /// Fails where the scaling is Llama 3.1's, which llama.cpp takes from a tensor that the files of
  /// other families do not have.
  void refuseLlama3(JsonObject config) {
    if (scaling instanceof RopeScaling.Llama3) {
      throw config.invalid(
          config.has("rope_parameters") ? "rope_parameters" : "rope_scaling",
          "is of type llama3, which only Llama models can have; choose another model");
    }
  }

  private static RopeScaling scaling(JsonObject config, JsonObject rope, long contextLength) {
    String field = rope.has("rope_type") ? "rope_type" : "type";
    String type = rope.string(field).orElse("default").toLowerCase(Locale.ROOT);
    return switch (type) {
      case "default" -> new RopeScaling.None();
      case "linear" -> new RopeScaling.Linear(rope.requirePositive("factor"));
      case "yarn" ->
          new RopeScaling.Yarn(
              rope.requirePositive("factor"),
              originalContext(config, rope).orElse(contextLength),
              rope.number("extrapolation_factor"),
              rope.number(rope.has("attention_factor") ? "attention_factor" : "attn_factor"),
              rope.number("beta_fast"),
              rope.number("beta_slow"));
      case "llama3" -> llama3(config, rope);
      default ->
          throw rope.invalid(
              field,
              "is '"
                  + type
                  + "', which is not supported; choose a model with default, linear,"
                  + " yarn or llama3");
    };
  }

  private static RopeScaling llama3(JsonObject config, JsonObject rope) {
    double low = rope.positive("low_freq_factor").orElse(1);
    double high = rope.positive("high_freq_factor").orElse(4);
    if (high <= low) {
      throw rope.invalid(
          "high_freq_factor", "is not more than 'low_freq_factor', " + low + "; correct it");
    }
    double factor = rope.positive("factor").orElse(8);
    return new RopeScaling.Llama3(factor, low, high, originalContext(config, rope).orElse(8192));
  }

  private static OptionalLong originalContext(JsonObject config, JsonObject rope) {
    String field = "original_max_position_embeddings";
    return rope.has(field)
        ? rope.count(field, Integer.MAX_VALUE)
        : config.count(field, Integer.MAX_VALUE);
  }
}
