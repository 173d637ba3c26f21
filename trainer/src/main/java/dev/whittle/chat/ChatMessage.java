package dev.whittle.chat;

/// One turn of a chat.
///
/// @param role `system`, `user` or `assistant`, as the model's template knows it
public record ChatMessage(String role, String content) {
  public static final String SYSTEM = "system";
  public static final String USER = "user";
  public static final String ASSISTANT = "assistant";
}
