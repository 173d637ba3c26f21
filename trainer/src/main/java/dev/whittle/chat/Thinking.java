package dev.whittle.chat;

/// The marks that reasoning models write around what they think before they reply.
public final class Thinking {
  public static final String OPENING = "<think>";
  public static final String CLOSING = "</think>";

  private Thinking() {}

  /// The mark and the whitespace behind it where a text ends with an opened thought, as prompts of
  /// some models do; else nothing.
  public static String opened(String text) {
    int at = text.lastIndexOf(OPENING);
    return at >= 0 && text.substring(at + OPENING.length()).isBlank() ? text.substring(at) : "";
  }

  /// A reply without its thoughts. Models are trained to see none but their newest ones, as the
  /// model cards of Qwen3 and DeepSeek-R1 say.
  public static String without(String reply) {
    int end = reply.lastIndexOf(CLOSING);
    return end < 0 ? reply : reply.substring(end + CLOSING.length()).stripLeading();
  }

  /// A reply with its thoughts before it, as Qwen3's template writes them.
  public static String with(String thoughts, String words) {
    return OPENING + "\n" + thoughts.strip() + "\n" + CLOSING + "\n\n" + words.stripLeading();
  }

  /// A reply as it goes on behind a prompt: not opening its thoughts if the prompt did, and without
  /// any if the prompt has closed them.
  static String behind(String prompt, String reply) {
    if (prompt.stripTrailing().endsWith(CLOSING)) {
      return without(reply);
    }
    String opened = opened(prompt);
    String words = reply.stripLeading();
    if (opened.isEmpty() || !words.startsWith(OPENING)) {
      return reply;
    }
    String rest = words.substring(OPENING.length());
    return opened.endsWith("\n") && rest.startsWith("\n") ? rest.substring(1) : rest;
  }
}
