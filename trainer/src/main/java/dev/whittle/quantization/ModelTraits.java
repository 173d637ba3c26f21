package dev.whittle.quantization;

import dev.whittle.gguf.GgufArray;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufValue;

/// What the choice of types needs to know of a model.
///
/// @param layers the number of layers
/// @param groupSize how many query heads share one key and value head; 0 if there are none
/// @param experts the number of experts; 0 for a dense model
/// @param seventyBillion whether it is of the shape that llama.cpp calls 70B, whose value
///   projections are small and get more bits
record ModelTraits(int layers, int groupSize, int experts, boolean seventyBillion) {
  /// More than any model has of anything that is counted here.
  private static final int MOST = 1 << 16;

  /// @throws QuantizationException if a number is out of range
  static ModelTraits of(GgufMetadata metadata) {
    String architecture = metadata.requireString("general.architecture");
    int layers = number(metadata, architecture + ".block_count", 0);
    int predictors = number(metadata, architecture + ".nextn_predict_layers", 0);
    int heads = number(metadata, architecture + ".attention.head_count", 0);
    int sharedHeads = number(metadata, architecture + ".attention.head_count_kv", heads);
    int experts = number(metadata, architecture + ".expert_count", 0);
    int ordinaryLayers = layers - predictors;
    boolean seventyBillion =
        switch (architecture) {
          case "llama" -> ordinaryLayers == 80 && heads != sharedHeads && experts != 8;
          case "qwen2", "deci", "olmo" -> ordinaryLayers == 80;
          case "jais2" -> ordinaryLayers == 68;
          default -> false;
        };
    return new ModelTraits(
        layers, sharedHeads == 0 ? 0 : heads / sharedHeads, experts, seventyBillion);
  }

  /// A number that is given once, or for each layer; then the first layer's counts.
  private static int number(GgufMetadata metadata, String key, int otherwise) {
    GgufValue value = metadata.value(key).orElse(null);
    if (value == null) {
      return otherwise;
    }
    if (value instanceof GgufArray) {
      int[] numbers = metadata.requireInts(key);
      return numbers.length == 0 ? otherwise : requireInRange(key, numbers[0]);
    }
    return requireInRange(key, metadata.requireInteger(key));
  }

  private static int requireInRange(String key, long number) {
    if (number < 0 || number > MOST) {
      throw new QuantizationException(
          "the model has " + number + " as '" + key + "'; convert it again");
    }
    return (int) number;
  }
}
