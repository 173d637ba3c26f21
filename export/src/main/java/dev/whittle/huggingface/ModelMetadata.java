package dev.whittle.huggingface;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufMetadata;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The metadata of a converted model, with the keys and in the order of llama.cpp's converter. Of
/// what tells where a model is from it has the name and the size alone: the rest is guesswork on
/// names and model cards.
final class ModelMetadata {
  private static final Pattern VERSION_OR_SIZE = Pattern.compile("v\\d+(\\.\\d+)*|\\d.*");

  private final ModelFamily family;
  private final ModelConfig config;
  private final Tokenizer tokenizer;

  ModelMetadata(ModelFamily family, ModelConfig config, Tokenizer tokenizer) {
    this.family = family;
    this.config = config;
    this.tokenizer = tokenizer;
  }

  /// @param folderName what the checkpoint's folder is called; null if it is a root
  /// @param type the type of the matrices
  GgufMetadata build(@Nullable Path folderName, long parameters, GgmlType type) {
    GgufMetadata.Builder metadata = GgufMetadata.builder();
    metadata.put("general.architecture", family.architecture());
    metadata.put("general.type", "model");
    metadata.put("general.name", title(folderName == null ? "model" : folderName.toString()));
    metadata.put("general.size_label", sizeLabel(parameters));
    putMeasures(metadata);
    putRope(metadata);
    metadata.putF32(key("attention.layer_norm_rms_epsilon"), config.rmsEpsilon());
    if (family.putsHeadDim(config)) {
      metadata.putU32(key("attention.key_length"), config.headDim());
      metadata.putU32(key("attention.value_length"), config.headDim());
    }
    metadata.putU32("general.file_type", fileType(type));
    family.putMetadata(metadata, config);
    metadata.putU32("general.quantization_version", BlockCodec.QUANTIZATION_VERSION);
    tokenizer.putMetadata(metadata);
    return metadata.build();
  }

  private void putMeasures(GgufMetadata.Builder metadata) {
    metadata.putU32(key("block_count"), config.layers());
    metadata.putU32(key("context_length"), config.contextLength());
    metadata.putU32(key("embedding_length"), config.hidden());
    metadata.putU32(key("feed_forward_length"), config.feedForward());
    metadata.putU32(key("attention.head_count"), config.heads());
    metadata.putU32(key("attention.head_count_kv"), config.keyValueHeads());
  }

  private void putRope(GgufMetadata.Builder metadata) {
    switch (config.rope().scaling()) {
      case RopeScaling.Linear(double factor) -> {
        metadata.put(key("rope.scaling.type"), "linear");
        metadata.putF32(key("rope.scaling.factor"), factor);
      }
      case RopeScaling.Yarn yarn -> {
        metadata.put(key("rope.scaling.type"), "yarn");
        metadata.putF32(key("rope.scaling.factor"), yarn.factor());
        metadata.putU32(key("rope.scaling.original_context_length"), yarn.originalContext());
        yarn.extrapolationFactor()
            .ifPresent(value -> metadata.putF32(key("rope.scaling.yarn_ext_factor"), value));
        yarn.attentionFactor()
            .ifPresent(value -> metadata.putF32(key("rope.scaling.yarn_attn_factor"), value));
        yarn.betaFast()
            .ifPresent(value -> metadata.putF32(key("rope.scaling.yarn_beta_fast"), value));
        yarn.betaSlow()
            .ifPresent(value -> metadata.putF32(key("rope.scaling.yarn_beta_slow"), value));
      }
      case RopeScaling.None _, RopeScaling.Llama3 _ -> {
        // Nothing to say, and a tensor.
      }
    }
    metadata.putF32(key("rope.freq_base"), config.rope().base());
  }

  private String key(String suffix) {
    return family.architecture() + "." + suffix;
  }

  /// The value of `enum llama_ftype`.
  private static int fileType(GgmlType type) {
    return switch (type) {
      case F32 -> 0;
      case F16 -> 1;
      case BF16 -> 32;
      default ->
          throw new IllegalArgumentException(
              "a checkpoint is converted to F32, F16 or BF16, not " + type);
    };
  }

  /// A folder's name as a title: "reasoner-5m" becomes "Reasoner 5m".
  private static String title(String name) {
    StringBuilder title = new StringBuilder();
    for (String word : name.strip().replace('-', ' ').split(" +")) {
      boolean plain =
          word.equals(word.toLowerCase(Locale.ROOT)) && !VERSION_OR_SIZE.matcher(word).matches();
      title.append(title.isEmpty() ? "" : " ");
      title.append(
          plain && !word.isEmpty()
              ? word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1)
              : word);
    }
    return title.toString();
  }

  /// A number of weights with at least two digits: "5.0M", "32B".
  private static String sizeLabel(long parameters) {
    double scaled = parameters * 1e-3;
    String units = "KMBT";
    int unit = 0;
    while (scaled > 1e3 && unit < units.length() - 1) {
      scaled *= 1e-3;
      unit++;
    }
    String format = Math.round(scaled) < 10 ? "%.1f%c" : "%.0f%c";
    return String.format(Locale.ROOT, format, scaled, units.charAt(unit));
  }
}
