package dev.whittle.gguf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// An array of metadata values of one type.
///
/// It keeps its elements encoded as the file has them: a vocabulary of 150,000 strings is one byte
/// array, and copying it to another file is exact. Arrays of arrays do not occur; ggml refuses
/// them.
public final class GgufArray implements GgufValue {
  private final GgufValueType elementType;
  private final int size;
  private final byte[] encoded;

  /// @param encoded the elements as a file has them, already checked to be `size` of them
  GgufArray(GgufValueType elementType, int size, byte[] encoded) {
    this.elementType = elementType;
    this.size = size;
    this.encoded = encoded;
  }

  /// An array of strings.
  public static GgufArray ofStrings(List<String> strings) {
    List<byte[]> utf8 = strings.stream().map(s -> s.getBytes(StandardCharsets.UTF_8)).toList();
    long bytes = utf8.stream().mapToLong(string -> (long) Long.BYTES + string.length).sum();
    ByteBuffer buffer = littleEndian(new byte[Math.toIntExact(bytes)]);
    for (byte[] string : utf8) {
      buffer.putLong(string.length).put(string);
    }
    return new GgufArray(GgufValueType.STRING, strings.size(), buffer.array());
  }

  /// An array of signed 32-bit integers.
  public static GgufArray ofInts(int... values) {
    ByteBuffer buffer = littleEndian(new byte[Math.multiplyExact(values.length, Integer.BYTES)]);
    buffer.asIntBuffer().put(values);
    return new GgufArray(GgufValueType.I32, values.length, buffer.array());
  }

  /// An array of unsigned 16-bit integers.
  ///
  /// @throws IllegalArgumentException if a value does not fit
  public static GgufArray ofUnsignedShorts(int... values) {
    ByteBuffer buffer = littleEndian(new byte[Math.multiplyExact(values.length, Short.BYTES)]);
    for (int value : values) {
      if (value != Short.toUnsignedInt((short) value)) {
        throw new IllegalArgumentException(value + " does not fit 16 bits");
      }
      buffer.putShort((short) value);
    }
    return new GgufArray(GgufValueType.U16, values.length, buffer.array());
  }

  /// An array of 32-bit floating point numbers.
  public static GgufArray ofFloats(float... values) {
    ByteBuffer buffer = littleEndian(new byte[Math.multiplyExact(values.length, Float.BYTES)]);
    buffer.asFloatBuffer().put(values);
    return new GgufArray(GgufValueType.F32, values.length, buffer.array());
  }

  @Override
  public GgufValueType type() {
    return GgufValueType.ARRAY;
  }

  /// The type of every element.
  public GgufValueType elementType() {
    return elementType;
  }

  /// How many elements there are.
  public int size() {
    return size;
  }

  /// The elements, decoded.
  public List<GgufValue> elements() {
    ByteBuffer buffer = littleEndian(encoded);
    List<GgufValue> elements = new ArrayList<>(size);
    for (int i = 0; i < size; i++) {
      elements.add(
          elementType == GgufValueType.STRING
              ? new Text(nextString(buffer))
              : Scalars.get(elementType, buffer));
    }
    return List.copyOf(elements);
  }

  /// The elements of an array of strings.
  List<String> strings() {
    ByteBuffer buffer = littleEndian(encoded);
    List<String> strings = new ArrayList<>(size);
    for (int i = 0; i < size; i++) {
      strings.add(new String(nextString(buffer), StandardCharsets.UTF_8));
    }
    return List.copyOf(strings);
  }

  /// The elements of an array of [GgufValueType#F32].
  float[] floats() {
    float[] floats = new float[size];
    littleEndian(encoded).asFloatBuffer().get(floats);
    return floats;
  }

  byte[] encoded() {
    return encoded;
  }

  private static byte[] nextString(ByteBuffer buffer) {
    byte[] string = new byte[Math.toIntExact(buffer.getLong())];
    buffer.get(string);
    return string;
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof GgufArray array
        && elementType == array.elementType
        && size == array.size
        && Arrays.equals(encoded, array.encoded);
  }

  @Override
  public int hashCode() {
    return 31 * elementType.hashCode() + Arrays.hashCode(encoded);
  }

  @Override
  public String toString() {
    return "GgufArray[" + size + " × " + elementType + "]";
  }
}
