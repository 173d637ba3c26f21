package dev.whittle.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// Encodes a file's header in memory; GGUF is little-endian throughout.
final class HeaderBuffer {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteBuffer scalar = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);

  void bytes(byte[] bytes) {
    out.writeBytes(bytes);
  }

  void u32(int value) {
    scalar.putInt(value);
    flushScalar();
  }

  void u64(long value) {
    scalar.putLong(value);
    flushScalar();
  }

  void string(String string) {
    string(string.getBytes(StandardCharsets.UTF_8));
  }

  void value(GgufValue value) {
    switch (value) {
      case GgufValue.Text text -> string(text.utf8());
      case GgufArray array -> {
        u32(array.elementType().id());
        u64(array.size());
        bytes(array.encoded());
      }
      default -> {
        Scalars.put(value, scalar);
        flushScalar();
      }
    }
  }

  byte[] toByteArray() {
    return out.toByteArray();
  }

  private void string(byte[] utf8) {
    u64(utf8.length);
    bytes(utf8);
  }

  private void flushScalar() {
    out.write(scalar.array(), 0, scalar.position());
    scalar.clear();
  }
}
