package dev.whittle.jinja;

/// What a name stands for that nothing was given for: empty where it is printed, tested or gone
/// through, and an error in all else.
///
/// @param reason what is missing, as a sentence
record Undefined(String reason) {
  TemplateException error() {
    return new TemplateException(reason);
  }

  /// All are alike.
  @Override
  public boolean equals(Object other) {
    return other instanceof Undefined;
  }

  @Override
  public int hashCode() {
    return 0;
  }
}
