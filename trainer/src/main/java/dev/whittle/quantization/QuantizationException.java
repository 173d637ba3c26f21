package dev.whittle.quantization;

/// A model or an importance matrix cannot be quantized as asked. The message is one sentence that
/// names the file or the tensor, and the mend.
public final class QuantizationException extends RuntimeException {
  public QuantizationException(String message) {
    super(message);
  }

  public QuantizationException(String message, Throwable cause) {
    super(message, cause);
  }
}
