package dev.whittle.data;

import dev.whittle.chat.ChatMessage;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Writes examples as lines of a data set, which [Dataset] reads as the same examples.
public final class ExampleWriter {
  private static final JsonMapper JSON = JsonMapper.shared();

  private ExampleWriter() {}

  /// An example as a JSON object in one line, without the line's end.
  public static String line(Example example) {
    ObjectNode object = JSON.createObjectNode();
    if (example.domain() != null) {
      object.put("domain", example.domain());
    }
    switch (example) {
      case Example.Chat chat -> {
        ArrayNode messages = object.putArray("messages");
        for (ChatMessage message : chat.messages()) {
          messages.addObject().put("role", message.role()).put("content", message.content());
        }
      }
      case Example.PromptCompletion pair ->
          object.put("prompt", pair.prompt()).put("completion", pair.completion());
      case Example.Text text -> object.put("text", text.text());
    }
    if (example.answer() != null) {
      object.put("answer", example.answer());
    }
    return JSON.writeValueAsString(object);
  }
}
