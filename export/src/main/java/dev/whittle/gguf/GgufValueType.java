package dev.whittle.gguf;

import java.util.Locale;
import java.util.Optional;

/// The types of metadata values, in the order of their ids (`enum gguf_type`).
public enum GgufValueType {
  U8(1),
  I8(1),
  U16(2),
  I16(2),
  U32(4),
  I32(4),
  F32(4),
  BOOL(1),
  STRING(0),
  ARRAY(0),
  U64(8),
  I64(8),
  F64(8);

  private static final GgufValueType[] BY_ID = values();

  private final int bytes;

  GgufValueType(int bytes) {
    this.bytes = bytes;
  }

  /// The id that a file stores.
  public int id() {
    return ordinal();
  }

  /// The bytes of a value of this type; 0 where that depends on the value.
  int bytes() {
    return bytes;
  }

  /// The type with this id, if there is one.
  static Optional<GgufValueType> ofId(int id) {
    return id < 0 || id >= BY_ID.length ? Optional.empty() : Optional.of(BY_ID[id]);
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
