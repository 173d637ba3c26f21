package dev.whittle.distillation;

/// A teacher cache that cannot be used. The message is one sentence that names the file and the
/// mend.
public final class TeacherCacheException extends RuntimeException {
  private static final long serialVersionUID = 1;

  TeacherCacheException(String message) {
    super(message);
  }

  TeacherCacheException(String message, Throwable cause) {
    super(message, cause);
  }
}
