package dev.whittle.reinforcement;

/// How much each token of a reply counts in the loss of an update.
public enum Aggregation {
  /// All replies count the same, and the tokens of each (GRPO).
  REPLY,
  /// All tokens count the same, so that long replies count for more (DAPO).
  TOKEN,
  /// As `TOKEN`, over the most tokens there could be, so that how long the other replies are makes
  /// no difference (Dr. GRPO).
  CONSTANT;

  /// The weight of a token.
  ///
  /// @param length of its reply
  /// @param replies of the update
  /// @param tokens of all of them
  /// @param longest where replies are cut off
  double weight(int length, int replies, long tokens, int longest) {
    return switch (this) {
      case REPLY -> 1.0 / ((long) replies * length);
      case TOKEN -> 1.0 / tokens;
      case CONSTANT -> 1.0 / ((long) replies * longest);
    };
  }
}
