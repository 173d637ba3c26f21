package dev.whittle.quantization;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.TensorInfo;

/// What a tensor becomes if its rows are not a whole number of a type's blocks
/// (`tensor_type_fallback` of llama.cpp).
final class TypeFallback {
  private TypeFallback() {}

  /// The type itself if it fits, or else one of smaller blocks, or F16.
  ///
  /// @throws QuantizationException if there is no substitute for the type
  static GgmlType fit(GgmlType type, TensorInfo tensor) {
    if (fits(type, tensor)) {
      return type;
    }
    GgmlType smaller =
        switch (type) {
          case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, IQ4_XS -> GgmlType.IQ4_NL;
          case Q2_0, Q2_K, Q3_K, TQ1_0, TQ2_0 -> GgmlType.Q4_0;
          case Q4_K -> GgmlType.Q5_0;
          case Q5_K -> GgmlType.Q5_1;
          case Q6_K -> GgmlType.Q8_0;
          default -> type;
        };
    if (fits(smaller, tensor)) {
      return smaller;
    }
    if (smaller.blockSize() > 32) {
      throw new QuantizationException(
          "tensor '"
              + tensor.name()
              + "' has rows of "
              + tensor.rowLength()
              + ", which are no whole number of "
              + type
              + " blocks of "
              + type.blockSize()
              + "; choose another type for it");
    }
    return GgmlType.F16;
  }

  private static boolean fits(GgmlType type, TensorInfo tensor) {
    return tensor.rowLength() % type.blockSize() == 0;
  }
}
