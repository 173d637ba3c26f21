package dev.whittle.quantization;

import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;

/// Sees to it that what is to be lowered has not been lowered before.
public final class FullPrecision {
  private FullPrecision() {}

  /// @throws QuantizationException if a tensor of the model is quantized
  public static void require(GgufFile model, TensorInfo tensor) {
    if (tensor.type().isQuantized()) {
      throw new QuantizationException(
          model.path()
              + " has tensor '"
              + tensor.name()
              + "' quantized already, to "
              + tensor.type()
              + "; start from the full-precision model");
    }
  }
}
