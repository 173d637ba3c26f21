package dev.whittle.data;

import java.nio.file.Path;

/// A data set that cannot be used. The message is one sentence that names the file, the line or
/// row, the field and the mend.
public final class DataException extends RuntimeException {
  public DataException(String message) {
    super(message);
  }

  public DataException(String message, Throwable cause) {
    super(message, cause);
  }

  static DataException unreadable(Path path, Exception reason) {
    return new DataException(path + " cannot be read: " + reason.getMessage(), reason);
  }
}
