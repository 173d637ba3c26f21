package dev.whittle.synthesis;

/// A synthesis that cannot be begun or gone on with. The message is one sentence that names the
/// file and the mend.
public final class SynthesisException extends RuntimeException {
  public SynthesisException(String message) {
    super(message);
  }

  public SynthesisException(String message, Throwable cause) {
    super(message, cause);
  }
}
