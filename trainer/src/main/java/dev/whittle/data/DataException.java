package dev.whittle.data;

/// A data set that cannot be used. The message is one sentence that names the file, the line, the
/// field and the mend.
public final class DataException extends RuntimeException {
  public DataException(String message) {
    super(message);
  }

  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
