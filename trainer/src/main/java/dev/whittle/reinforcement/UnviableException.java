package dev.whittle.reinforcement;

/// A run from which nothing is to be expected any more. The message is one sentence with the reason
/// and what to do instead.
public final class UnviableException extends RuntimeException {
  private static final long serialVersionUID = 1;

  UnviableException(String message) {
    super(message);
  }
}
