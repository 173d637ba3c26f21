package dev.whittle.data;

import dev.whittle.chat.ChatMessage;
import dev.whittle.chat.Thinking;
import dev.whittle.io.JsonProblem;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Reads one row of a data set; its errors name the row and the field.
final class ExampleParser {
  /// What an example is made of; it has one of these.
  static final List<String> CONTENTS = List.of("messages", "conversations", "prompt", "text");

  /// The same as a sentence has them.
  static final String CONTENTS_IN_WORDS =
      CONTENTS.stream().map(name -> "'" + name + "'").collect(Collectors.joining(", "));

  private static final JsonMapper JSON = JsonMapper.shared();

  /// OpenAI's, and the one that Llama 3 has for what tools return.
  private static final List<String> ROLES =
      List.of("system", "developer", "user", "assistant", "tool", "function", "ipython");

  /// Where some data sets put what the system says, beside the chat.
  private static final String SYSTEM = "system";

  /// ShareGPT's names of roles.
  private static final Map<String, String> SHAREGPT_ROLES =
      Map.of("human", ChatMessage.USER, "gpt", ChatMessage.ASSISTANT);

  /// What templates write of a message beside its content, and what they are given beside messages.
  private static final List<String> UNUSED_OF_MESSAGES =
      List.of("thinking", "tool_calls", "function_call");

  /// Where servers of reasoning models put what was thought before a reply.
  private static final String THOUGHTS = "reasoning_content";

  private static final List<String> UNUSED_OF_CHATS = List.of("tools", "functions");

  /// All that is looked at.
  static final Set<String> FIELDS =
      Stream.of(
              CONTENTS.stream(),
              Stream.of("completion", "answer", "domain", SYSTEM),
              UNUSED_OF_CHATS.stream())
          .flatMap(names -> names)
          .collect(Collectors.toUnmodifiableSet());

  private final String unit;
  private final long line;

  /// @param unit what the number counts: the file, and its lines or rows
  /// @param line from 1
  ExampleParser(String unit, long line) {
    this.unit = unit;
    this.line = line;
  }

  /// An example that is written as JSON.
  Example parse(String text) {
    try {
      return example(JSON.readTree(text));
    } catch (JacksonException e) {
      throw new DataException(
          where()
              + " is not JSON ("
              + JsonProblem.of(e)
              + "); write each example as one object on a line of its own",
          e);
    }
  }

  /// An example that is in such an object.
  Example example(JsonNode object) {
    if (!object.isObject()) {
      throw error("is not a JSON object; write {…} with 'messages', 'prompt' or 'text'");
    }
    @Nullable String answer = label(object, "answer");
    @Nullable String domain = label(object, "domain");
    for (String field : List.of("messages", "conversations")) {
      if (object.has(field)) {
        return chat(object, messages(object.get(field), field), answer, domain);
      }
    }
    if (object.has("prompt")) {
      boolean mayEndThere = answer != null && !object.has("completion");
      JsonNode prompt = object.get("prompt");
      if (prompt.isArray()) {
        List<ChatMessage> messages = messages(prompt, "prompt");
        if (!mayEndThere) {
          messages.addAll(messages(object.get("completion"), "completion"));
        }
        return chat(object, messages, answer, domain);
      }
      String completion = mayEndThere ? "" : string(object.get("completion"), "completion");
      return new Example.PromptCompletion(
          line, string(prompt, "prompt"), completion, answer, domain);
    }
    if (object.has("text")) {
      return new Example.Text(line, string(object.get("text"), "text"), answer, domain);
    }
    throw error("has none of the fields " + CONTENTS_IN_WORDS + "; add one");
  }

  /// @param messages to which what the system says is added
  private Example chat(
      JsonNode object,
      List<ChatMessage> messages,
      @Nullable String answer,
      @Nullable String domain) {
    for (String name : UNUSED_OF_CHATS) {
      requireNothing(object.get(name), name, "write it into the system message's 'content'");
    }
    @Nullable JsonNode system = object.get(SYSTEM);
    if (!isNothing(system) && !messages.getFirst().role().equals(SYSTEM)) {
      messages.addFirst(new ChatMessage(SYSTEM, string(system, SYSTEM)));
    }
    return new Example.Chat(line, messages, answer, domain);
  }

  /// A template passes over the messages of a role that it does not know, without a word.
  private String role(@Nullable JsonNode value, String name) {
    String written = string(value, name);
    String role = SHAREGPT_ROLES.getOrDefault(written, written);
    if (!ROLES.contains(role)) {
      throw error(
          "field '"
              + name
              + "' is '"
              + role
              + "'; write one of "
              + String.join(", ", ROLES)
              + " (replies have the role assistant)");
    }
    return role;
  }

  /// A list of messages, each with the fields that OpenAI's form has, or with ShareGPT's.
  private List<ChatMessage> messages(@Nullable JsonNode array, String field) {
    if (array == null || !array.isArray() || array.isEmpty()) {
      throw error("has no list of messages in the field '" + field + "'; give it at least one");
    }
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonNode message : array) {
      String name = field + "[" + messages.size() + "]";
      if (!message.isObject()) {
        throw error("field '" + name + "' is not an object; write {\"role\": …, \"content\": …}");
      }
      for (String unused : UNUSED_OF_MESSAGES) {
        requireNothing(
            message.get(unused),
            name + "." + unused,
            "write it into '" + name + ".content', in the form that the model has for it");
      }
      String roleField = nameOf(message, "role", "from");
      String role = role(message.get(roleField), name + "." + roleField);
      messages.add(new ChatMessage(role, words(message, role, name)));
    }
    return messages;
  }

  /// Which of two names a message has a field under.
  private static String nameOf(JsonNode message, String name, String other) {
    return isNothing(message.get(name)) && message.has(other) ? other : name;
  }

  /// The content of a message, behind the thoughts where it has some.
  private String words(JsonNode message, String role, String name) {
    String contentField = nameOf(message, "content", "value");
    String content = content(message.get(contentField), name + "." + contentField);
    @Nullable JsonNode node = message.get(THOUGHTS);
    if (isNothing(node)) {
      return content;
    }
    String thoughts = string(node, name + "." + THOUGHTS);
    if (!role.equals(ChatMessage.ASSISTANT)) {
      throw error(
          "field '%s.%s' is in a message of the role %s; only replies (assistant) have thoughts"
              .formatted(name, THOUGHTS, role));
    }
    if (thoughts.contains(Thinking.CLOSING) || content.contains(Thinking.CLOSING)) {
      throw error(
          ("field '%s' has '%s', and %s in it or in 'content'; write the thoughts into one of the"
                  + " two, and without the marks into the first")
              .formatted(name, THOUGHTS, Thinking.CLOSING));
    }
    return Thinking.with(thoughts, content);
  }

  private static boolean isNothing(@Nullable JsonNode node) {
    return node == null
        || node.isNull()
        || (node.isContainer() && node.isEmpty())
        || (node.isString() && node.stringValue().isBlank());
  }

  /// What is left out of a chat without a word is neither learnt nor missed until the model is
  /// asked.
  private void requireNothing(@Nullable JsonNode node, String name, String mend) {
    if (!isNothing(node)) {
      throw error("field '" + name + "' would not be used; " + mend + ", and remove it");
    }
  }

  /// OpenAI's form has a string here, or a list of parts, of which only text can be used.
  private String content(@Nullable JsonNode node, String name) {
    if (node == null || !node.isArray()) {
      return string(node, name);
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : node) {
      @Nullable JsonNode type = part.get("type");
      if (type == null || !type.isString() || !type.stringValue().equals("text")) {
        throw error("field '" + name + "' has a part that is not text; only text can be used");
      }
      text.append(string(part.get("text"), name + ".text"));
    }
    return text.toString();
  }

  private String string(@Nullable JsonNode node, String name) {
    if (node == null || node.isNull()) {
      throw error(
          "has no " + (node == null ? "" : "text in the ") + "field '" + name + "'; add it");
    }
    if (!node.isString()) {
      throw error("field '" + name + "' is not a string; write it in quotes");
    }
    String text = node.stringValue();
    if (text.indexOf('\0') >= 0) {
      throw error("field '" + name + "' holds the character \\u0000; remove it");
    }
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw error(
          "field '" + name + "' holds half of a pair of surrogates, such as \\ud83d; remove it");
    }
    return text;
  }

  /// A label may be written as a number.
  private @Nullable String label(JsonNode object, String name) {
    @Nullable JsonNode node = object.get(name);
    if (node == null || node.isNull()) {
      return null;
    }
    if (!node.isValueNode()) {
      throw error("field '" + name + "' is not a string or a number; write one");
    }
    return node.asString();
  }

  private String where() {
    return unit + " " + line;
  }

  private DataException error(String what) {
    return new DataException(where() + " " + what);
  }
}
