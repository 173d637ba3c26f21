package dev.whittle.gguf;

/// A GGUF file that is not what it should be, or that cannot be read at all.
///
/// The message is one sentence that names the file, the field or tensor, and what to do about it.
/// Unchecked, because it can surface long after a file was opened, when a metadata field is first
/// asked for.
public final class GgufException extends RuntimeException {

  public GgufException(String message) {
    super(message);
  }

  public GgufException(String message, Throwable cause) {
    super(message, cause);
  }
}
