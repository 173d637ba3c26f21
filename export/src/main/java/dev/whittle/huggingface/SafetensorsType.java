package dev.whittle.huggingface;

import dev.whittle.ggml.GgmlType;
import java.util.Arrays;
import java.util.Optional;

/// The element types that a safetensors header can name.
enum SafetensorsType {
  F64(8),
  F32(4),
  F16(2),
  BF16(2),
  I64(8),
  I32(4),
  I16(2),
  I8(1),
  U64(8),
  U32(4),
  U16(2),
  U8(1),
  BOOL(1),
  F8_E4M3(1),
  F8_E5M2(1);

  private final int bytes;

  SafetensorsType(int bytes) {
    this.bytes = bytes;
  }

  int bytes() {
    return bytes;
  }

  /// ggml's name for the type, if it is one that weights are converted from.
  Optional<GgmlType> weightType() {
    return switch (this) {
      case F32 -> Optional.of(GgmlType.F32);
      case F16 -> Optional.of(GgmlType.F16);
      case BF16 -> Optional.of(GgmlType.BF16);
      default -> Optional.empty();
    };
  }

  static Optional<SafetensorsType> ofName(String name) {
    return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
  }
}
