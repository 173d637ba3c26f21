package dev.whittle.training;

import java.io.IOException;

/// A folder that cannot be the run directory that it is named as: it holds another run, or none.
///
/// The message is one sentence that names the folder and the mend.
public final class RunDirectoryException extends IOException {
  RunDirectoryException(String message) {
    super(message);
  }

  RunDirectoryException(String message, Throwable cause) {
    super(message, cause);
  }
}
