package dev.whittle.ggml;

/// A native library is missing, does not fit, or refused to do what it was asked.
public final class NativeException extends RuntimeException {
  public NativeException(String message) {
    super(message);
  }

  public NativeException(String message, Throwable cause) {
    super(message, cause);
  }
}
