package dev.whittle.distillation;

/// There is not as much memory as training would take. The message is one sentence that says what
/// it takes, what there is, and what takes less.
public final class MemoryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public MemoryException(String message) {
    super(message);
  }
}
