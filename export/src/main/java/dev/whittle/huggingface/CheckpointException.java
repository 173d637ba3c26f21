package dev.whittle.huggingface;

/// A checkpoint that is damaged, incomplete, or of a kind that cannot be converted.
///
/// The message is one sentence that names the file, the field or tensor, and what to do about it.
public final class CheckpointException extends RuntimeException {

  public CheckpointException(String message) {
    super(message);
  }

  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
