package dev.whittle.huggingface;

import dev.whittle.io.IoProblem;
import dev.whittle.io.JsonProblem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// An object in one of a checkpoint's JSON files, read with errors that name the file and the
/// field.
///
/// A field that is `null` counts as absent: that is how these files spell it. One that is there but
/// of another kind is an error.
final class JsonObject {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final Path file;
  private final String prefix;
  private final JsonNode node;

  private JsonObject(Path file, String prefix, JsonNode node) {
    this.file = file;
    this.prefix = prefix;
    this.node = node;
  }

  /// Reads a file that must be there.
  ///
  /// @throws CheckpointException if it is missing, or not a JSON object
  static JsonObject read(Path file) {
    return readIfPresent(file)
        .orElseThrow(() ->
            new CheckpointException(
                file + " is missing; download the checkpoint again, with all its files"));
  }

  /// Reads a file that may be missing.
  ///
  /// @throws CheckpointException if it is not a JSON object
  static Optional<JsonObject> readIfPresent(Path file) {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(parse(file, Files.readAllBytes(file)));
    } catch (IOException e) {
      throw new CheckpointException(
          file + " cannot be read (" + IoProblem.of(e) + "); check its permissions and the disk",
          e);
    }
  }

  /// Parses an object that is, or is part of, `file`.
  ///
  /// @throws CheckpointException if it is not a JSON object
  static JsonObject parse(Path file, byte[] json) {
    JsonNode node;
    try {
      node = MAPPER.readTree(json);
    } catch (JacksonException e) {
      throw new CheckpointException(
          file + " is not valid JSON (" + JsonProblem.of(e) + "); download it again", e);
    }
    if (!node.isObject()) {
      throw new CheckpointException(file + " does not hold a JSON object; download it again");
    }
    return new JsonObject(file, "", node);
  }

  /// The file that this object is from.
  Path file() {
    return file;
  }

  /// The names of the fields, in order, without those that are `null`.
  List<String> names() {
    return node.properties().stream()
        .filter(field -> !field.getValue().isNull())
        .map(Map.Entry::getKey)
        .toList();
  }

  boolean has(String field) {
    return get(field) != null;
  }

  Optional<String> string(String field) {
    JsonNode value = get(field);
    if (value == null) {
      return Optional.empty();
    }
    return Optional.of(checked(value.isString(), field, "a string", value).stringValue());
  }

  double requirePositive(String field) {
    return positive(field).orElseThrow(() -> missing(field));
  }

  String requireString(String field) {
    return string(field).orElseThrow(() -> missing(field));
  }

  Optional<Boolean> bool(String field) {
    JsonNode value = get(field);
    if (value == null) {
      return Optional.empty();
    }
    return Optional.of(checked(value.isBoolean(), field, "true or false", value).booleanValue());
  }

  /// A number that an F32 can hold, from 0 up.
  OptionalDouble number(String field) {
    JsonNode value = get(field);
    if (value == null) {
      return OptionalDouble.empty();
    }
    float number = value.isNumber() ? (float) value.doubleValue() : Float.NaN;
    boolean valid = number >= 0 && number < Float.POSITIVE_INFINITY;
    return OptionalDouble.of(checked(valid, field, "a number", value).doubleValue());
  }

  /// A number that an F32 can hold, above 0.
  OptionalDouble positive(String field) {
    OptionalDouble number = number(field);
    if (number.isPresent() && (float) number.getAsDouble() == 0) {
      throw invalid(field, "is 0 where more is expected; correct it");
    }
    return number;
  }

  /// The integer at `field`, or nothing where there is something else: for fields that hold an
  /// integer in some checkpoints and a list of them in others.
  OptionalLong integerIfSingle(String field) {
    JsonNode value = get(field);
    return value != null && isLong(value)
        ? OptionalLong.of(value.longValue())
        : OptionalLong.empty();
  }

  /// An integer from 1 to `most`.
  OptionalLong count(String field, long most) {
    JsonNode value = get(field);
    if (value == null) {
      return OptionalLong.empty();
    }
    boolean fits = isLong(value) && value.longValue() >= 1 && value.longValue() <= most;
    return OptionalLong.of(checked(fits, field, "an integer from 1 to " + most, value).longValue());
  }

  long requireCount(String field, long most) {
    return count(field, most).orElseThrow(() -> missing(field));
  }

  long requireInteger(String field) {
    JsonNode value = require(field);
    return checked(isLong(value), field, "an integer", value).longValue();
  }

  Optional<JsonObject> object(String field) {
    JsonNode value = get(field);
    if (value == null) {
      return Optional.empty();
    }
    return Optional.of(nested(field, checked(value.isObject(), field, "an object", value)));
  }

  JsonObject requireObject(String field) {
    return object(field).orElseThrow(() -> missing(field));
  }

  /// The objects of an array, or none if there is no such field.
  List<JsonObject> objects(String field) {
    List<JsonObject> objects = new ArrayList<>();
    for (JsonNode element : array(field)) {
      String name = field + "[" + objects.size() + "]";
      objects.add(nested(name, checked(element.isObject(), name, "an object", element)));
    }
    return objects;
  }

  /// The strings of an array, or none if there is no such field.
  List<String> strings(String field) {
    List<String> strings = new ArrayList<>();
    for (JsonNode element : array(field)) {
      String name = field + "[" + strings.size() + "]";
      strings.add(checked(element.isString(), name, "a string", element).stringValue());
    }
    return strings;
  }

  /// The integers of an array, or none if there is no such field.
  List<Long> integers(String field) {
    List<Long> integers = new ArrayList<>();
    for (JsonNode element : array(field)) {
      String name = field + "[" + integers.size() + "]";
      integers.add(checked(isLong(element), name, "an integer", element).longValue());
    }
    return integers;
  }

  /// The elements of an array of pairs, each of them spelled `"a b"` or `["a", "b"]`.
  List<List<String>> pairs(String field) {
    List<List<String>> pairs = new ArrayList<>();
    for (JsonNode element : array(field)) {
      List<String> pair =
          element.isString()
              ? List.of(element.stringValue().split(" ", -1))
              : element
                  .valueStream()
                  .filter(JsonNode::isString)
                  .map(JsonNode::stringValue)
                  .toList();
      checked(pair.size() == 2, field + "[" + pairs.size() + "]", "a pair of strings", element);
      pairs.add(pair);
    }
    return pairs;
  }

  boolean isString(String field) {
    JsonNode value = get(field);
    return value != null && value.isString();
  }

  boolean isObject(String field) {
    JsonNode value = get(field);
    return value != null && value.isObject();
  }

  /// An error that names the file and this field.
  ///
  /// @param problem continues a sentence that starts with the field's name, and says what to do
  CheckpointException invalid(String field, String problem) {
    return new CheckpointException(file + ": '" + prefix + field + "' " + problem);
  }

  private Iterable<JsonNode> array(String field) {
    JsonNode value = get(field);
    return value == null ? List.of() : checked(value.isArray(), field, "an array", value);
  }

  private JsonObject nested(String field, JsonNode value) {
    return new JsonObject(file, prefix + field + ".", value);
  }

  private @Nullable JsonNode get(String field) {
    JsonNode value = node.get(field);
    return value == null || value.isNull() ? null : value;
  }

  private JsonNode require(String field) {
    JsonNode value = get(field);
    if (value == null) {
      throw missing(field);
    }
    return value;
  }

  private JsonNode checked(boolean valid, String field, String kind, JsonNode value) {
    if (!valid) {
      throw invalid(field, "is " + abridged(value) + " where " + kind + " is expected; correct it");
    }
    return value;
  }

  private CheckpointException missing(String field) {
    return invalid(field, "is missing; download the file again, or add the field");
  }

  private static boolean isLong(JsonNode value) {
    return value.isIntegralNumber() && value.canConvertToLong();
  }

  private static String abridged(JsonNode value) {
    String json = value.toString();
    return json.length() <= 60 ? json : json.substring(0, 57) + "...";
  }

  @Override
  public String toString() {
    return node.toString();
  }
}
