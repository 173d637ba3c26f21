package dev.whittle.gguf;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// A metadata value.
///
/// Strings keep the bytes of the file, so that copying metadata is exact even where they are not
/// valid UTF-8; decoding puts U+FFFD in the place of what is malformed.
public sealed interface GgufValue
    permits GgufValue.U8,
        GgufValue.I8,
        GgufValue.U16,
        GgufValue.I16,
        GgufValue.U32,
        GgufValue.I32,
        GgufValue.U64,
        GgufValue.I64,
        GgufValue.F32,
        GgufValue.F64,
        GgufValue.Bool,
        GgufValue.Text,
        GgufArray {

  /// The type that a file stores with the value.
  GgufValueType type();

  /// An unsigned 8-bit integer, 0 to 255.
  record U8(int value) implements GgufValue {
    public U8 {
      checkUnsigned(value, 8);
    }

    @Override
    public GgufValueType type() {
      return GgufValueType.U8;
    }
  }

  /// A signed 8-bit integer.
  record I8(byte value) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.I8;
    }
  }

  /// An unsigned 16-bit integer, 0 to 65,535.
  record U16(int value) implements GgufValue {
    public U16 {
      checkUnsigned(value, 16);
    }

    @Override
    public GgufValueType type() {
      return GgufValueType.U16;
    }
  }

  /// A signed 16-bit integer.
  record I16(short value) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.I16;
    }
  }

  /// An unsigned 32-bit integer, 0 to 4,294,967,295.
  record U32(long value) implements GgufValue {
    public U32 {
      checkUnsigned(value, 32);
    }

    @Override
    public GgufValueType type() {
      return GgufValueType.U32;
    }
  }

  /// A signed 32-bit integer.
  record I32(int value) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.I32;
    }
  }

  /// An unsigned 64-bit integer, as the bits of a `long`.
  record U64(long bits) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.U64;
    }
  }

  /// A signed 64-bit integer.
  record I64(long value) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.I64;
    }
  }

  /// A 32-bit floating point number.
  record F32(float value) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.F32;
    }
  }

  /// A 64-bit floating point number.
  record F64(double value) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.F64;
    }
  }

  /// A truth value.
  record Bool(boolean value) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.BOOL;
    }
  }

  /// A string.
  final class Text implements GgufValue {
    private final byte[] utf8;

    Text(byte[] utf8) {
      this.utf8 = utf8;
    }

    /// The value that holds `text` in UTF-8.
    public static Text of(String text) {
      return new Text(text.getBytes(StandardCharsets.UTF_8));
    }

    /// The string, with U+FFFD for what is not valid UTF-8.
    public String value() {
      return new String(utf8, StandardCharsets.UTF_8);
    }

    byte[] utf8() {
      return utf8;
    }

    @Override
    public GgufValueType type() {
      return GgufValueType.STRING;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Text text && Arrays.equals(utf8, text.utf8);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(utf8);
    }

    @Override
    public String toString() {
      return "Text[" + value() + "]";
    }
  }

  private static void checkUnsigned(long value, int bits) {
    if (value < 0 || value >>> bits != 0) {
      throw new IllegalArgumentException(
          value + " does not fit into an unsigned integer of " + bits + " bits");
    }
  }
}
