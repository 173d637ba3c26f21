package dev.whittle.synthesis;

import java.util.Locale;

/// Why what the model wrote is not kept.
public enum Rejection {
  /// It did not end within the tokens allowed.
  UNFINISHED,
  /// A turn is empty, holds markers of the chat template, or is not UTF-8.
  MALFORMED,
  /// The question is one of the data set to be left out.
  EXCLUDED,
  /// The reply does not give the prompt's answer.
  WRONG,
  /// The same, but for case and spaces, was kept before.
  DUPLICATE,
  /// Something very similar was kept before.
  NEAR_DUPLICATE;

  /// In words: `near duplicate`.
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }
}
