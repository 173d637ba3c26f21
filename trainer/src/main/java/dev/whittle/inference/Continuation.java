package dev.whittle.inference;

/// How long a text and its prompt were, and how long they took.
///
/// @param promptTokens tokens that were read
/// @param promptSeconds the time that reading took
/// @param tokens tokens that were written
/// @param seconds the time that writing took
public record Continuation(int promptTokens, double promptSeconds, int tokens, double seconds) {

  /// Tokens read in a second.
  public double promptTokensPerSecond() {
    return promptTokens / promptSeconds;
  }

  /// Tokens written in a second.
  public double tokensPerSecond() {
    return tokens / seconds;
  }
}
