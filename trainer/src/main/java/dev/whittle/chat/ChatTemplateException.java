package dev.whittle.chat;

/// A chat template that a model lacks, that is not valid, or that does not take a chat. The message
/// is one sentence that names the model's file, the reason and the mend.
public final class ChatTemplateException extends RuntimeException {
  public ChatTemplateException(String message) {
    super(message);
  }

  public ChatTemplateException(String message, Throwable cause) {
    super(message, cause);
  }
}
