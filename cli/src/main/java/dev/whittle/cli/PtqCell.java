package dev.whittle.cli;

import dev.whittle.cli.TransformOptions.Method;
import dev.whittle.cli.TransformOptions.MethodConverter;
import dev.whittle.ggml.FileType;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.simulation.Simulation;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// What `bench ptq` measures at a time.
///
/// @param model the full-precision model
/// @param format the types of a file
/// @param method how it is rounded, as 'quantize --method' has it
/// @param cacheType of keys and values
record PtqCell(Path model, Format format, String method, String cacheType) {

  /// The types of a file, or formats that are simulated.
  sealed interface Format {
    /// A mix of llama.cpp's.
    record Real(FileType type) implements Format {
      @Override
      public String toString() {
        return type.name();
      }
    }

    /// Formats that GGUF does not have.
    record Simulated(Simulation weights, @Nullable Simulation activations) implements Format {
      @Override
      public String toString() {
        return PREFIX + weights + (activations == null ? "" : ":" + activations);
      }
    }

    String PREFIX = "sim:";

    /// @throws IllegalArgumentException if it is none; the message continues a sentence
    static Format parse(String text) {
      if (!text.startsWith(PREFIX)) {
        return new Real(
            FileType.ofName(text)
                .orElseThrow(() -> new IllegalArgumentException("'" + text + "' is not a type")));
      }
      String[] parts = text.substring(PREFIX.length()).split(":", 2);
      return new Simulated(
          Simulation.parse(parts[0]), parts.length == 1 ? null : Simulation.parse(parts[1]));
    }
  }

  /// Whether the method learns from a text.
  boolean needsText() {
    return parsed().transform() != null || parsed().rounding().isCalibrated();
  }

  /// Whether a method learns from a text, by itself or by way of an importance matrix.
  static boolean readsText(String method) {
    Method parsed = new MethodConverter().convert(method);
    return parsed.transform() != null || parsed.rounding() != QuantizationMethod.RTN;
  }

  /// Whether the method takes an importance matrix.
  boolean takesImportance() {
    return !needsText() && parsed().rounding() != QuantizationMethod.RTN;
  }

  private Method parsed() {
    return new MethodConverter().convert(method);
  }

  boolean isSimulated() {
    return format instanceof Format.Simulated;
  }

  String modelName() {
    return model.getFileName().toString().replaceFirst("\\.gguf$", "");
  }

  /// A name for files.
  String key() {
    return String.join("-", modelName(), format.toString(), method, cacheType)
        .replaceAll("[^A-Za-z0-9._@-]", "_");
  }
}
