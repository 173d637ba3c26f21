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
import java.nio.ByteBuffer;

/// How the values of fixed size lie in a file: little-endian, without padding.
final class Scalars {
  private Scalars() {}

  /// Takes one value of `type` from a little-endian buffer that holds enough of them.
  static GgufValue get(GgufValueType type, ByteBuffer from) {
    return switch (type) {
      case U8 -> new U8(Byte.toUnsignedInt(from.get()));
      case I8 -> new I8(from.get());
      case U16 -> new U16(Short.toUnsignedInt(from.getShort()));
      case I16 -> new I16(from.getShort());
      case U32 -> new U32(Integer.toUnsignedLong(from.getInt()));
      case I32 -> new I32(from.getInt());
      case U64 -> new U64(from.getLong());
      case I64 -> new I64(from.getLong());
      case F32 -> new F32(from.getFloat());
      case F64 -> new F64(from.getDouble());
      case BOOL -> new Bool(from.get() != 0);
      case STRING, ARRAY -> throw new IllegalArgumentException(type + " has no fixed size");
    };
  }

  /// Puts a value of fixed size into a little-endian buffer that has room for it.
  static void put(GgufValue value, ByteBuffer to) {
    switch (value) {
      case U8(int v) -> to.put((byte) v);
      case I8(byte v) -> to.put(v);
      case U16(int v) -> to.putShort((short) v);
      case I16(short v) -> to.putShort(v);
      case U32(long v) -> to.putInt((int) v);
      case I32(int v) -> to.putInt(v);
      case U64(long v) -> to.putLong(v);
      case I64(long v) -> to.putLong(v);
      case F32(float v) -> to.putFloat(v);
      case F64(double v) -> to.putDouble(v);
      case Bool(boolean v) -> to.put((byte) (v ? 1 : 0));
      case Text _, GgufArray _ ->
          throw new IllegalArgumentException(value.type() + " has no fixed size");
    }
  }
}
