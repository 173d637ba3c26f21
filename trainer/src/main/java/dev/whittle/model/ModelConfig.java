package dev.whittle.model;

import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.TensorInfo;
import java.nio.file.Path;
import java.util.OptionalLong;

/// The shape of a model, as its GGUF metadata states it.
///
/// @param architecture `general.architecture`
/// @param width elements of a token's hidden state
/// @param layers number of transformer blocks
/// @param heads query heads
/// @param keyValueHeads key-value heads, a divisor of `heads`
/// @param headSize elements of a head
/// @param feedForward width of the feed-forward network
/// @param vocabulary number of tokens
/// @param context longest context that the model was trained for
/// @param epsilon ε of the RMS norms
/// @param ropeBase θ of the rotary embedding
/// @param ropeScale factor on the positions: 1 / `rope.scaling.factor` for linear scaling, else 1
/// @param tied whether the head uses the token embedding
public record ModelConfig(
    String architecture,
    int width,
    int layers,
    int heads,
    int keyValueHeads,
    int headSize,
    int feedForward,
    int vocabulary,
    int context,
    float epsilon,
    float ropeBase,
    float ropeScale,
    boolean tied) {

  /// Reads the shape from a file.
  ///
  /// @throws GgufException if a key is missing, out of range, or asks for what Whittle does not
  ///   train
  public static ModelConfig of(GgufFile file) {
    GgufMetadata metadata = file.metadata();
    String arch = metadata.requireString("general.architecture");
    Path path = file.path();
    Reader r = new Reader(path, metadata, arch);
    int width = r.positive("embedding_length");
    int heads = r.positive("attention.head_count");
    int keyValueHeads = r.positive("attention.head_count_kv");
    int headSize = (int) r.optional("attention.key_length", width / heads);
    if (r.optional("attention.value_length", headSize) != headSize) {
      throw r.refuse("attention.value_length", "differs from attention.key_length");
    }
    if (r.optional("rope.dimension_count", headSize) != headSize) {
      throw r.refuse("rope.dimension_count", "rotates only a part of each head");
    }
    if (heads % keyValueHeads != 0) {
      throw r.refuse("attention.head_count_kv", "does not divide attention.head_count");
    }
    String scaling = metadata.string(arch + ".rope.scaling.type").orElse("none");
    float ropeScale =
        switch (scaling) {
          case "none" -> 1f;
          case "linear" -> (float) (1 / metadata.number(arch + ".rope.scaling.factor").orElse(1));
          default -> throw r.refuse("rope.scaling.type", "is '" + scaling + "'");
        };
    TensorInfo embedding = file.require("token_embd.weight");
    return new ModelConfig(
        arch,
        width,
        r.positive("block_count"),
        heads,
        keyValueHeads,
        headSize,
        r.positive("feed_forward_length"),
        Math.toIntExact(embedding.rows()),
        r.positive("context_length"),
        (float) metadata.requireNumber(arch + ".attention.layer_norm_rms_epsilon"),
        (float) metadata.number(arch + ".rope.freq_base").orElse(10_000),
        ropeScale,
        file.tensor("output.weight").isEmpty());
  }

  private record Reader(Path path, GgufMetadata metadata, String arch) {
    int positive(String key) {
      long value = metadata.requireInteger(arch + "." + key);
      if (value < 1 || value > Integer.MAX_VALUE) {
        throw refuse(key, "is " + value);
      }
      return (int) value;
    }

    long optional(String key, long otherwise) {
      OptionalLong value = metadata.integer(arch + "." + key);
      return value.orElse(otherwise);
    }

    GgufException refuse(String key, String why) {
      return new GgufException(
          path
              + ": "
              + arch
              + "."
              + key
              + " "
              + why
              + ", which Whittle cannot train; use another checkpoint of the family");
    }
  }
}
