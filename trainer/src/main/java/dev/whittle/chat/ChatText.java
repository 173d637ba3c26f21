package dev.whittle.chat;

import dev.whittle.chat.ChatTemplate.Surroundings;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A chat as text to learn from, and where in it the replies are.
///
/// The last reply stands behind the very text that the model is given when it is asked for it.
/// Mostly that is how the template writes the whole chat, too. But some templates write a reply
/// that was given otherwise than it was asked for: without its thoughts (DeepSeek-R1), or without
/// the system message before it (Mistral). The template's text of the chat is not what the model
/// sees or says then, and the reply goes, as it is, behind the prompt. Earlier replies are as the
/// template shows them to the model: Qwen3's, for instance, without thoughts.
///
/// @param replies in order
public record ChatText(String text, List<Reply> replies) {
  /// Where a reply is.
  ///
  /// @param end behind its words: what ends the turn comes there. Of the chat's last message, where
  ///   the text ends
  public record Reply(int start, int end) {}

  public ChatText {
    replies = List.copyOf(replies);
  }

  /// @throws ChatTemplateException if the template cannot hold the chat
  public static ChatText of(ChatTemplate template, List<ChatMessage> messages) {
    int last = messages.size() - 1;
    ChatMessage reply = messages.get(last);
    String whole = template.apply(messages, false);
    if (!isReply(reply)) {
      return new ChatText(whole, replies(template, messages, false, whole, "", messages.size()));
    }
    List<ChatMessage> question = messages.subList(0, last);
    String prompt = question.isEmpty() ? "" : template.apply(question, true);
    boolean thinks = reply.content().contains(Thinking.CLOSING);
    if (whole.startsWith(prompt)
        && whole.length() > prompt.length()
        && (!thinks || whole.indexOf(Thinking.CLOSING, prompt.length()) >= 0)) {
      List<Reply> replies = replies(template, messages, false, whole, "", last);
      replies.add(new Reply(prompt.length(), whole.length()));
      return new ChatText(whole, replies);
    }
    Optional<Surroundings> turn = template.around(messages, last, false);
    // Where a prompt opens a thought, the template knows how to write a reply that has none.
    if (turn.isPresent() && !thinks && !Thinking.opened(prompt).isEmpty()) {
      List<Reply> replies = replies(template, messages, false, whole, "", last);
      replies.add(new Reply(turn.get().before().length(), whole.length()));
      return new ChatText(whole, replies);
    }
    // A template may leave out a reply that has the last word.
    String end = turn.map(Surroundings::after).orElse(template.end());
    String rest = Thinking.behind(prompt, reply.content()) + end;
    String text = prompt + rest;
    List<Reply> replies = replies(template, question, true, text, rest, last);
    replies.add(new Reply(prompt.length(), text.length()));
    return new ChatText(text, replies);
  }

  /// Where the replies before a place are in a text that the template wrote of messages.
  ///
  /// @param rest what was added to it
  private static List<Reply> replies(
      ChatTemplate template,
      List<ChatMessage> messages,
      boolean addAssistantPrompt,
      String text,
      String rest,
      int before) {
    List<Reply> replies = new ArrayList<>();
    for (int i = 0; i < before; i++) {
      if (isReply(messages.get(i))) {
        template
            .around(messages, i, addAssistantPrompt)
            .flatMap(around -> between(around.before(), text, around.after() + rest))
            .ifPresent(replies::add);
      }
    }
    return replies;
  }

  private static boolean isReply(ChatMessage message) {
    return message.role().equals(ChatMessage.ASSISTANT);
  }

  /// What is between the beginning and the end of a text, if it has both.
  private static Optional<Reply> between(String beginning, String text, String end) {
    int stop = text.length() - end.length();
    return text.startsWith(beginning) && text.endsWith(end) && beginning.length() <= stop
        ? Optional.of(new Reply(beginning.length(), stop))
        : Optional.empty();
  }
}
