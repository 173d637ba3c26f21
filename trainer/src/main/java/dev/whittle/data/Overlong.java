package dev.whittle.data;

/// What becomes of a chat, or of a prompt with its completion, that has more tokens than a document
/// may have. (A text is split, whatever this says.)
public enum Overlong {
  /// It is an error.
  REFUSE,
  /// It is left out.
  SKIP,
  /// It loses its end.
  CUT
}
