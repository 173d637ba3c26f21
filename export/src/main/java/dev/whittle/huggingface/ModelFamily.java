package dev.whittle.huggingface;

import dev.whittle.gguf.GgufMetadata;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A family of models: what its checkpoints hold, and what llama.cpp calls it.
sealed interface ModelFamily permits Qwen3, Qwen2, Llama {

  /// The families by the names that `architectures` in `config.json` has for them.
  Map<String, ModelFamily> BY_ARCHITECTURE =
      Map.of(
          "Qwen3ForCausalLM", new Qwen3(),
          "Qwen2ForCausalLM", new Qwen2(),
          "LlamaForCausalLM", new Llama());

  /// The family of the checkpoint with this `config.json`.
  ///
  /// @throws CheckpointException if it is none of these
  static ModelFamily of(JsonObject config) {
    List<String> architectures = config.strings("architectures");
    ModelFamily family =
        architectures.size() == 1 ? BY_ARCHITECTURE.get(architectures.getFirst()) : null;
    if (family == null) {
      throw config.invalid(
          "architectures",
          "is "
              + architectures
              + ", which is not supported; choose a model that is one of "
              + String.join(", ", BY_ARCHITECTURE.keySet().stream().sorted().toList()));
    }
    return family;
  }

  /// The name that llama.cpp has for the family, `general.architecture`.
  String architecture();

  /// Fails for models of the family that llama.cpp could not run.
  ///
  /// @throws CheckpointException for a reason that names the field
  default void check(JsonObject json, ModelConfig config) {}

  /// Every tensor that such a model has.
  List<Weight> weights(ModelConfig config);

  /// What divides the frequencies of RoPE, where the family's files have that as a tensor.
  default Optional<float[]> ropeFrequencyDivisors(ModelConfig config) {
    return Optional.empty();
  }

  /// Adds the metadata that other families do not have.
  default void putMetadata(GgufMetadata.Builder metadata, ModelConfig config) {}

  /// Whether the width of a head is in the metadata.
  default boolean putsHeadDim(ModelConfig config) {
    return config.statedHeadDim().isPresent();
  }
}
