package dev.whittle.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// Spells out a GGUF file field by field, right or wrong: independent of the code under test.
final class GgufBytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  GgufBytes magic() {
    out.writeBytes(new byte[] {'G', 'G', 'U', 'F'});
    return this;
  }

  GgufBytes u8(int value) {
    out.write(value);
    return this;
  }

  GgufBytes u32(long value) {
    out.writeBytes(littleEndian(4).putInt((int) value).array());
    return this;
  }

  GgufBytes u64(long value) {
    out.writeBytes(littleEndian(8).putLong(value).array());
    return this;
  }

  GgufBytes f32(float value) {
    return u32(Float.floatToRawIntBits(value));
  }

  GgufBytes string(String value) {
    return string(value.getBytes(StandardCharsets.UTF_8));
  }

  GgufBytes string(byte[] value) {
    u64(value.length);
    out.writeBytes(value);
    return this;
  }

  GgufBytes align(int alignment) {
    while (out.size() % alignment != 0) {
      out.write(0);
    }
    return this;
  }

  byte[] toByteArray() {
    return out.toByteArray();
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
