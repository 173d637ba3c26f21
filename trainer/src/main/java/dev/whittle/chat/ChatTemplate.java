package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.llama_chat_message;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/// Writes a chat as the text that a model was trained on (`llama_chat_apply_template`).
///
/// llama.cpp's library does not run a template's Jinja: it recognises the family by the markers in
/// its source (ChatML, Llama 3, Gemma, Mistral, DeepSeek and so on) and writes the chat in that
/// family's form. What a template adds beyond the form, such as a system message by default, is
/// left out. A template of no family that it knows is refused.
public final class ChatTemplate {
  private final String source;

  private ChatTemplate(String source) {
    this.source = source;
  }

  /// The template in the model's file.
  ///
  /// @throws NativeException if there is none, or llama.cpp does not know its family
  public static ChatTemplate of(LlamaModel model) {
    String source =
        model
            .chatTemplate()
            .orElseThrow(() ->
                new NativeException(
                    "the model "
                        + model.path()
                        + " has no chat template; use data with 'prompt' and 'completion' or"
                        + " 'text', or add tokenizer.chat_template to the file"));
    ChatTemplate template = new ChatTemplate(source);
    if (template.write(List.of(new ChatMessage(ChatMessage.USER, "")), true).isEmpty()) {
      throw new NativeException(
          "the chat template of the model "
              + model.path()
              + " is of no family that llama.cpp knows; use data with 'prompt' and 'completion' or"
              + " 'text'");
    }
    return template;
  }

  /// The template's Jinja source.
  public String source() {
    return source;
  }

  /// The chat as text, to be tokenized with the control tokens parsed and none added.
  ///
  /// @param addAssistantPrompt whether to end with the opening of a reply, for the model to go on
  /// @throws IllegalArgumentException if there are no messages, or one holds the character NUL
  /// @throws NativeException if the template cannot hold these messages
  public String apply(List<ChatMessage> messages, boolean addAssistantPrompt) {
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("a chat without messages");
    }
    return write(messages, addAssistantPrompt)
        .orElseThrow(() -> new NativeException("the chat template cannot hold these messages"));
  }

  private Optional<String> write(List<ChatMessage> messages, boolean addAssistantPrompt) {
    NativeRuntime.load();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment template = NativeText.allocate(arena, source, "the chat template");
      MemorySegment chat = llama_chat_message.allocateArray(messages.size(), arena);
      for (int i = 0; i < messages.size(); i++) {
        MemorySegment message = llama_chat_message.asSlice(chat, i);
        llama_chat_message.role(
            message, NativeText.allocate(arena, messages.get(i).role(), "a message's role"));
        llama_chat_message.content(
            message, NativeText.allocate(arena, messages.get(i).content(), "a message"));
      }
      int length =
          Llama.llama_chat_apply_template(
              template, chat, messages.size(), addAssistantPrompt, MemorySegment.NULL, 0);
      if (length < 0) {
        return Optional.empty();
      }
      MemorySegment text = arena.allocate(length + 1L);
      Llama.llama_chat_apply_template(
          template, chat, messages.size(), addAssistantPrompt, text, length + 1);
      return Optional.of(text.getString(0));
    }
  }
}
