package dev.whittle.data;

import dev.whittle.chat.ChatMessage;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One line of a data set, or one row of a Parquet file.
public sealed interface Example {
  /// The line or row in the file, from 1.
  long line();

  /// The right answer to the question, where the data set has one.
  @Nullable String answer();

  /// What the question is about, where the data set says so.
  @Nullable String domain();

  /// Whether there is anything to reply to: a text asks for nothing, nor does a chat in which
  /// nobody but the assistant speaks, nor an empty prompt.
  default boolean asksForReply() {
    return switch (this) {
      case Chat chat -> !chat.question().isEmpty();
      case PromptCompletion pair -> !pair.prompt().isEmpty();
      case Text _ -> false;
    };
  }

  /// `messages`: a chat in OpenAI's form.
  record Chat(
      long line, List<ChatMessage> messages, @Nullable String answer, @Nullable String domain)
      implements Example {
    public Chat {
      messages = List.copyOf(messages);
    }

    /// The messages that ask for a reply: all but the assistant's last one, if it has the last
    /// word.
    public List<ChatMessage> question() {
      boolean answered = messages.getLast().role().equals(ChatMessage.ASSISTANT);
      return answered ? messages.subList(0, messages.size() - 1) : messages;
    }
  }

  /// `prompt` and `completion`: text, and how it goes on.
  ///
  /// @param completion empty where the line has an `answer` and no completion
  record PromptCompletion(
      long line, String prompt, String completion, @Nullable String answer, @Nullable String domain)
      implements Example {}

  /// `text`: text to be learnt from its beginning to its end.
  record Text(long line, String text, @Nullable String answer, @Nullable String domain)
      implements Example {}
}
