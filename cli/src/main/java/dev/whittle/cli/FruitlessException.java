package dev.whittle.cli;

/// Work that was done as asked and came to nothing, such as a training run that diverged or a file
/// that is not what it claims to be.
///
/// The message is one sentence that names the cause and the mend.
final class FruitlessException extends RuntimeException {
  FruitlessException(String message) {
    super(message);
  }

  FruitlessException(String message, Throwable cause) {
    super(message, cause);
  }
}
