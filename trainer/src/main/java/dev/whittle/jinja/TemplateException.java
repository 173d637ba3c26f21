package dev.whittle.jinja;

/// A template that is not valid, cannot be rendered with these values, or refuses them. The message
/// tells what is wrong, and in which of the template's lines, without naming the template.
public final class TemplateException extends RuntimeException {
  private final boolean located;

  TemplateException(String message) {
    super(message);
    this.located = false;
  }

  private TemplateException(TemplateException cause, int line) {
    super(cause.getMessage() + " (line " + line + " of the template)", cause);
    this.located = true;
  }

  static TemplateException at(int line, String message) {
    return new TemplateException(message).at(line);
  }

  /// The same error with the line that it comes from, unless a statement within has named its own.
  TemplateException at(int line) {
    return located ? this : new TemplateException(this, line);
  }
}
