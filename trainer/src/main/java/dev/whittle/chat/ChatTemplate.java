package dev.whittle.chat;

import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Vocabulary;
import dev.whittle.jinja.Template;
import dev.whittle.jinja.TemplateException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/// Writes a chat as the text that a model was trained on: renders the Jinja source that is in its
/// file (`tokenizer.chat_template`), as the transformers library and llama.cpp's server do. It is
/// given `messages`, `add_generation_prompt`, `bos_token`, `eos_token`, and `strftime_now`, whose
/// present is when this was made; tools and switches such as `enable_thinking` are left undefined.
public final class ChatTemplate {
  /// Stands for a message's words; neither templates nor chats have it in theirs.
  private static final String PLACEHOLDER = "7f3kq9zx";

  /// What reproducible builds call the variable that sets the present, in seconds since 1970.
  private static final String PRESENT = "SOURCE_DATE_EPOCH";

  private static final String MEND =
      "; use data with 'prompt' and 'completion' or 'text', and 'whittle run --raw'";

  private final Path model;
  private final Template template;
  private final ZonedDateTime now;
  private final String beginning;
  private final String end;

  /// Whether the tokenizer adds the token that begins a sequence.
  private final boolean begun;

  private ChatTemplate(LlamaModel model, Template template, ZonedDateTime now) {
    Vocabulary vocabulary = model.vocabulary();
    this.model = model.path();
    this.template = template;
    this.now = now;
    this.begun = vocabulary.addsBeginning();
    this.beginning = token(model, "bos", vocabulary.beginning());
    this.end = token(model, "eos", vocabulary.end());
  }

  /// The text of a special token, or nothing if the file does not name it: what llama.cpp takes
  /// then may be any token.
  private static String token(LlamaModel model, String name, OptionalInt token) {
    boolean named = model.metadata("tokenizer.ggml." + name + "_token_id").isPresent();
    return named && token.isPresent() ? model.vocabulary().text(token.getAsInt()) : "";
  }

  /// The template in the model's file.
  ///
  /// @throws ChatTemplateException if there is none, or it is not valid
  public static ChatTemplate of(LlamaModel model) {
    String source =
        model
            .chatTemplate()
            .orElseThrow(() ->
                new ChatTemplateException(
                    "the model "
                        + model.path()
                        + " has no chat template"
                        + MEND
                        + ", or add tokenizer.chat_template to the file"));
    try {
      return new ChatTemplate(model, Template.parse(source), present());
    } catch (TemplateException e) {
      throw unusable(model.path(), e);
    }
  }

  private static ZonedDateTime present() {
    String seconds = System.getenv(PRESENT);
    if (seconds == null || seconds.isBlank()) {
      return ZonedDateTime.now();
    }
    try {
      return Instant.ofEpochSecond(Long.parseLong(seconds.strip())).atZone(ZoneOffset.UTC);
    } catch (NumberFormatException | DateTimeException e) {
      throw new ChatTemplateException(
          PRESENT + " is '" + seconds + "', not a number of seconds since 1970; set it to one", e);
    }
  }

  private static ChatTemplateException unusable(Path model, TemplateException reason) {
    return new ChatTemplateException(
        "the chat template of the model "
            + model
            + " cannot be used here: "
            + reason.getMessage()
            + MEND,
        reason);
  }

  /// The text of the token that ends a sequence; empty if the model names none.
  String end() {
    return end;
  }

  /// The chat as text, to be tokenized with the control tokens parsed. Where the tokenizer adds the
  /// token that begins a sequence, the text is without it.
  ///
  /// @param addAssistantPrompt whether to end with the opening of a reply, for the model to go on
  /// @throws IllegalArgumentException if there are no messages
  /// @throws ChatTemplateException if the template cannot hold these messages
  public String apply(List<ChatMessage> messages, boolean addAssistantPrompt) {
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("a chat without messages");
    }
    Map<String, Object> variables =
        Map.of(
            "messages",
            messages.stream().map(ChatTemplate::variables).toList(),
            "add_generation_prompt",
            addAssistantPrompt,
            // As llama.cpp's server has it unless it is told otherwise.
            "enable_thinking",
            true,
            "bos_token",
            beginning,
            "eos_token",
            end);
    String text;
    try {
      text = template.render(variables, now);
    } catch (TemplateException e) {
      throw unusable(model, e);
    }
    return begun && !beginning.isEmpty() && text.startsWith(beginning)
        ? text.substring(beginning.length())
        : text;
  }

  private static Map<String, Object> variables(ChatMessage message) {
    Map<String, Object> variables = new LinkedHashMap<>();
    variables.put("role", message.role());
    variables.put("content", message.content());
    return variables;
  }

  /// What the template writes before and after the words of one message, whatever these are.
  ///
  /// @param index of the message
  /// @return nothing if the template leaves the words out
  public Optional<Surroundings> around(
      List<ChatMessage> messages, int index, boolean addAssistantPrompt) {
    List<ChatMessage> marked = new ArrayList<>(messages);
    marked.set(index, new ChatMessage(messages.get(index).role(), PLACEHOLDER));
    String text = apply(marked, addAssistantPrompt);
    int at = text.indexOf(PLACEHOLDER);
    return at < 0
        ? Optional.empty()
        : Optional.of(
            new Surroundings(text.substring(0, at), text.substring(at + PLACEHOLDER.length())));
  }

  /// The text before and after the words of a message.
  public record Surroundings(String before, String after) {}
}
