package dev.whittle.gguf;

import dev.whittle.gguf.GgufValue.Bool;
import dev.whittle.gguf.GgufValue.F32;
import dev.whittle.gguf.GgufValue.F64;
import dev.whittle.gguf.GgufValue.I16;
import dev.whittle.gguf.GgufValue.I32;
import dev.whittle.gguf.GgufValue.I64;
import dev.whittle.gguf.GgufValue.I8;
import dev.whittle.gguf.GgufValue.Text;
import dev.whittle.gguf.GgufValue.U16;
import dev.whittle.gguf.GgufValue.U32;
import dev.whittle.gguf.GgufValue.U64;
import dev.whittle.gguf.GgufValue.U8;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The metadata of a file: values by key, in the file's order. Immutable.
///
/// The typed getters are empty where the key is absent, and throw a [GgufException] that names the
/// file and the key where its value is of another kind.
public final class GgufMetadata {
  private static final String ARCHITECTURE = "general.architecture";

  /// What a file holds that is no model: an importance matrix, a checkpoint.
  private static final String TYPE = "general.type";

  private final String source;
  private final Map<String, GgufValue> values;

  /// @param source what error messages call the file
  GgufMetadata(String source, Map<String, GgufValue> values) {
    this.source = source;
    this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /// What error messages call the file.
  String source() {
    return source;
  }

  /// A builder that holds nothing.
  public static Builder builder() {
    return new Builder("the new metadata", Map.of());
  }

  /// A builder that starts with these values.
  public Builder toBuilder() {
    return new Builder(source, values);
  }

  /// All values by key, in order.
  public Map<String, GgufValue> asMap() {
    return values;
  }

  /// The value of `key`.
  public Optional<GgufValue> value(String key) {
    return Optional.ofNullable(values.get(key));
  }

  /// The string at `key`.
  public Optional<String> string(String key) {
    return typed(key, "a string", value -> value instanceof Text text ? text.value() : null);
  }

  /// The integer at `key`, of any of the integer types.
  public OptionalLong integer(String key) {
    Optional<Long> integer = typed(key, "an integer of at most 63 bits", GgufMetadata::toLong);
    return integer.map(OptionalLong::of).orElseGet(OptionalLong::empty);
  }

  /// The number at `key`, of any of the integer or floating point types.
  public OptionalDouble number(String key) {
    Optional<Double> number = typed(key, "a number", GgufMetadata::toDouble);
    return number.map(OptionalDouble::of).orElseGet(OptionalDouble::empty);
  }

  /// The truth value at `key`.
  public Optional<Boolean> bool(String key) {
    return typed(key, "a truth value", value -> value instanceof Bool(boolean b) ? b : null);
  }

  /// The array of strings at `key`.
  public Optional<List<String>> strings(String key) {
    return typed(
        key,
        "an array of strings",
        value -> isArrayOf(value, GgufValueType.STRING) ? ((GgufArray) value).strings() : null);
  }

  /// The array of integers at `key`, of any integer type, if all of them fit into 32 bits.
  public Optional<int[]> ints(String key) {
    return typed(key, "an array of integers of 32 bits", GgufMetadata::toInts);
  }

  /// The array of 32-bit floating point numbers at `key`.
  public Optional<float[]> floats(String key) {
    return typed(
        key,
        "an array of f32",
        value -> isArrayOf(value, GgufValueType.F32) ? ((GgufArray) value).floats() : null);
  }

  /// As [#string], for a key that must be there.
  ///
  /// @throws GgufException if it is absent
  public String requireString(String key) {
    return string(key).orElseThrow(() -> missing(key));
  }

  /// As [#integer], for a key that must be there.
  ///
  /// @throws GgufException if it is absent
  public long requireInteger(String key) {
    return integer(key).orElseThrow(() -> missing(key));
  }

  /// As [#number], for a key that must be there.
  ///
  /// @throws GgufException if it is absent
  public double requireNumber(String key) {
    return number(key).orElseThrow(() -> missing(key));
  }

  /// As [#bool], for a key that must be there.
  ///
  /// @throws GgufException if it is absent
  public boolean requireBool(String key) {
    return bool(key).orElseThrow(() -> missing(key));
  }

  /// As [#strings], for a key that must be there.
  ///
  /// @throws GgufException if it is absent
  public List<String> requireStrings(String key) {
    return strings(key).orElseThrow(() -> missing(key));
  }

  /// As [#ints], for a key that must be there.
  ///
  /// @throws GgufException if it is absent
  public int[] requireInts(String key) {
    return ints(key).orElseThrow(() -> missing(key));
  }

  /// As [#floats], for a key that must be there.
  ///
  /// @throws GgufException if it is absent
  public float[] requireFloats(String key) {
    return floats(key).orElseThrow(() -> missing(key));
  }

  private <T> Optional<T> typed(String key, String kind, Function<GgufValue, @Nullable T> as) {
    GgufValue value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    T typed = as.apply(value);
    if (typed == null) {
      throw new GgufException(
          source
              + " has "
              + describe(value)
              + " as '"
              + key
              + "' where "
              + kind
              + " is expected; convert the model again");
    }
    return Optional.of(typed);
  }

  private static String describe(GgufValue value) {
    return switch (value) {
      case GgufArray array -> "an array of " + array.elementType();
      case U64(long bits) -> "the u64 " + Long.toUnsignedString(bits);
      default -> "a value of type " + value.type();
    };
  }

  private GgufException missing(String key) {
    if (key.equals(ARCHITECTURE) && values.get(TYPE) instanceof Text type) {
      return new GgufException(
          source
              + " holds no model, but something of type '"
              + type.value()
              + "'; name a model's file");
    }
    return new GgufException(
        source + " lacks the metadata '" + key + "'; convert the model again, or choose another");
  }

  private static boolean isArrayOf(GgufValue value, GgufValueType elementType) {
    return value instanceof GgufArray array && array.elementType() == elementType;
  }

  private static @Nullable Long toLong(GgufValue value) {
    return switch (value) {
      case U8(int v) -> (long) v;
      case I8(byte v) -> (long) v;
      case U16(int v) -> (long) v;
      case I16(short v) -> (long) v;
      case U32(long v) -> v;
      case I32(int v) -> (long) v;
      case U64(long bits) -> bits < 0 ? null : bits;
      case I64(long v) -> v;
      case F32 _, F64 _, Bool _, Text _, GgufArray _ -> null;
    };
  }

  private static @Nullable Double toDouble(GgufValue value) {
    if (value instanceof F32(float v)) {
      return (double) v;
    }
    if (value instanceof F64(double v)) {
      return v;
    }
    Long integer = toLong(value);
    return integer == null ? null : integer.doubleValue();
  }

  private static int @Nullable [] toInts(GgufValue value) {
    if (!(value instanceof GgufArray array)) {
      return null;
    }
    List<GgufValue> elements = array.elements();
    int[] ints = new int[elements.size()];
    for (int i = 0; i < ints.length; i++) {
      Long element = toLong(elements.get(i));
      if (element == null || element != (int) (long) element) {
        return null;
      }
      ints[i] = (int) (long) element;
    }
    return ints;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof GgufMetadata metadata && values.equals(metadata.values);
  }

  @Override
  public int hashCode() {
    return values.hashCode();
  }

  @Override
  public String toString() {
    return values.toString();
  }

  /// Collects metadata in the order in which keys are first put.
  public static final class Builder {
    private final String source;
    private final Map<String, GgufValue> values;

    private Builder(String source, Map<String, GgufValue> values) {
      this.source = source;
      this.values = new LinkedHashMap<>(values);
    }

    /// Sets `key`, which keeps its place if it has a value already.
    public Builder put(String key, GgufValue value) {
      if (key.isEmpty()) {
        throw new IllegalArgumentException("a metadata key must not be empty");
      }
      values.put(key, value);
      return this;
    }

    /// Sets `key` to a string.
    public Builder put(String key, String value) {
      return put(key, Text.of(value));
    }

    /// Sets `key` to a truth value.
    public Builder put(String key, boolean value) {
      return put(key, new Bool(value));
    }

    /// Sets `key` to an array of strings.
    public Builder put(String key, List<String> values) {
      return put(key, GgufArray.ofStrings(values));
    }

    /// Sets `key` to an array of signed 32-bit integers.
    public Builder put(String key, int[] values) {
      return put(key, GgufArray.ofInts(values));
    }

    /// Sets `key` to an array of 32-bit floating point numbers.
    public Builder put(String key, float[] values) {
      return put(key, GgufArray.ofFloats(values));
    }

    /// Sets `key` to an unsigned 32-bit integer, the type of nearly every count in model files.
    public Builder putU32(String key, long value) {
      return put(key, new U32(value));
    }

    /// Sets `key` to a 32-bit floating point number.
    public Builder putF32(String key, double value) {
      return put(key, new F32((float) value));
    }

    /// Removes `key`, if it is there.
    public Builder remove(String key) {
      values.remove(key);
      return this;
    }

    /// The metadata collected so far.
    public GgufMetadata build() {
      return new GgufMetadata(source, values);
    }
  }
}
