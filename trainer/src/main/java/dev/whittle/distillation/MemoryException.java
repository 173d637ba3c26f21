package dev.whittle.distillation;

/// There is not as much memory as training would take. The message is one sentence that says what
/// it takes, what there is, and what takes less.
public final class MemoryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private static final double GIB = 1L << 30;

  private MemoryException(String message) {
    super(message);
  }

  /// @param what is trained
  /// @param bytes what that would take
  /// @param available the bytes that there are
  /// @param mend what to do about it
  public static MemoryException of(String what, long bytes, long available, String mend) {
    return new MemoryException(
        "training %s would take %.2f GiB of memory, but only %.2f GiB can be had; %s"
            .formatted(what, bytes / GIB, available / GIB, mend));
  }
}
