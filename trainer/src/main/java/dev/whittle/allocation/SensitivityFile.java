package dev.whittle.allocation;

import dev.whittle.ggml.GgmlType;
import dev.whittle.io.AtomicFile;
import dev.whittle.quantization.QuantizationException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.annotation.JsonNaming;
import tools.jackson.databind.json.JsonMapper;

/// What was measured of a model, as JSON beside it: measuring takes minutes, choosing types from it
/// no time.
///
/// @param version of the measurement; figures of another one are not comparable
/// @param model SHA-256 of the model's file
/// @param text SHA-256 of the tokens that gradients were measured on
/// @param completionOnly whether the tokens that the model is to produce counted alone
/// @param types for each type, what every tensor adds to the divergence when all are lowered to it
/// @param choices what was chosen, by what was asked for
@JsonNaming(SnakeCaseStrategy.class)
record SensitivityFile(
    int version,
    String model,
    String text,
    boolean completionOnly,
    SortedMap<GgmlType, SortedMap<String, Double>> types,
    SortedMap<String, Choice> choices) {
  private static final int VERSION = 2;
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /// A choice of types.
  ///
  /// @param divergence KL(model ‖ lowered model) on held-out text, in nats a token
  /// @param candidates by tensor
  record Choice(double divergence, SequencedMap<String, GgmlType> candidates) {}

  /// Nothing measured yet.
  static SensitivityFile of(String model, String text, boolean completionOnly) {
    return new SensitivityFile(
        VERSION, model, text, completionOnly, new TreeMap<>(), new TreeMap<>());
  }

  /// Reads a file.
  ///
  /// @throws QuantizationException if it cannot be read, or holds something else
  static SensitivityFile read(Path file) {
    try {
      return requireWhole(file, JSON.readValue(Files.readAllBytes(file), SensitivityFile.class));
    } catch (IOException | JacksonException e) {
      throw new QuantizationException(refusal(file), e);
    }
  }

  /// Any JSON object can be read as one that lacks everything.
  private static SensitivityFile requireWhole(Path file, SensitivityFile content) {
    if (content.model == null
        || content.text == null
        || content.types == null
        || content.choices == null) {
      throw new QuantizationException(refusal(file));
    }
    return content;
  }

  private static String refusal(Path file) {
    return file + " does not hold measured sensitivities; delete it, or name another file";
  }

  /// Writes the file, over an earlier one.
  ///
  /// @throws IOException if it cannot be written
  void write(Path file) throws IOException {
    AtomicFile.write(
        file, true, channel -> channel.write(ByteBuffer.wrap(JSON.writeValueAsBytes(this))));
  }

  /// Whether this was measured for the same model on the same text, in the same way.
  boolean isAbout(SensitivityFile other) {
    return version == other.version
        && model.equals(other.model)
        && text.equals(other.text)
        && completionOnly == other.completionOnly;
  }
}
