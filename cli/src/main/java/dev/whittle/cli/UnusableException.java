package dev.whittle.cli;

/// An argument that is well formed and still cannot be used, such as an output that exists already.
///
/// The message is one sentence that names the argument and the mend.
final class UnusableException extends RuntimeException {

  UnusableException(String message) {
    super(message);
  }

  UnusableException(String message, Throwable cause) {
    super(message, cause);
  }
}
