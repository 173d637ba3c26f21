package dev.whittle.cli.report;

/// Something that no report can be made of. The message is one sentence that names the file and the
/// mend.
public final class ReportException extends RuntimeException {
  ReportException(String message) {
    super(message);
  }

  ReportException(String message, Throwable cause) {
    super(message, cause);
  }
}
