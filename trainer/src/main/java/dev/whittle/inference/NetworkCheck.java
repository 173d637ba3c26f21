package dev.whittle.inference;

import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import java.util.List;

/// Checks the figures of a network that llama.cpp asserts instead of refusing them.
final class NetworkCheck {
  /// `LLAMA_MAX_LAYERS`.
  private static final long MOST_LAYERS = 512;

  private static final List<String> EPSILONS =
      List.of(".attention.layer_norm_rms_epsilon", ".attention.layer_norm_epsilon");

  private NetworkCheck() {}

  /// @throws GgufException naming the figure
  static void requireSound(GgufFile file) {
    GgufMetadata metadata = file.metadata();
    String architecture = metadata.requireString("general.architecture");
    String layersKey = architecture + ".block_count";
    long layers = metadata.requireInteger(layersKey);
    if (layers < 1 || layers > MOST_LAYERS) {
      throw refused(file, layersKey, layers, "1 to " + MOST_LAYERS);
    }
    for (String epsilon : EPSILONS) {
      String key = architecture + epsilon;
      metadata
          .number(key)
          .ifPresent(value -> {
            if (!(value >= 0)) {
              throw refused(file, key, value, "0 or more");
            }
          });
    }
  }

  private static GgufException refused(GgufFile file, String key, Number value, String expected) {
    return new GgufException(
        "%s has %s as '%s' where %s is expected; convert the model again"
            .formatted(file.path(), value, key, expected));
  }
}
