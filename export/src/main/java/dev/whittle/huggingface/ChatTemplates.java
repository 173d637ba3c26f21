package dev.whittle.huggingface;

import dev.whittle.gguf.GgufMetadata;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// The Jinja templates that lay out chats, by name. The one in everyday use is named `default`.
record ChatTemplates(Map<String, String> byName) {
  private static final String KEY = "tokenizer.chat_template";
  private static final String DEFAULT = "default";

  /// Finds the templates in `chat_template.jinja` and what is in `additional_chat_templates`, or
  /// else in `tokenizer_config.json`, or else in `chat_template.json`.
  ///
  /// This is the order of the transformers library, which has written the first in newer versions,
  /// maybe beside an older `tokenizer_config.json`. (llama.cpp's converter looks there first.)
  ///
  /// @throws CheckpointException if one of the files cannot be read
  static ChatTemplates read(Path folder, Optional<JsonObject> tokenizerConfig) {
    Path jinja = folder.resolve("chat_template.jinja");
    if (Files.isRegularFile(jinja)) {
      Map<String, String> templates = new LinkedHashMap<>();
      templates.put(DEFAULT, text(jinja));
      templates.putAll(additional(folder.resolve("additional_chat_templates")));
      return new ChatTemplates(templates);
    }
    return tokenizerConfig
        .filter(file -> file.has("chat_template"))
        .or(() ->
            JsonObject.readIfPresent(folder.resolve("chat_template.json"))
                .filter(file -> file.has("chat_template")))
        .map(ChatTemplates::parse)
        .orElseGet(() -> new ChatTemplates(Map.of()));
  }

  void putMetadata(GgufMetadata.Builder metadata) {
    List<String> others = byName.keySet().stream().filter(name -> !name.equals(DEFAULT)).toList();
    others.forEach(name -> putIfNotEmpty(metadata, KEY + "." + name, byName.get(name)));
    if (!others.isEmpty()) {
      metadata.put("tokenizer.chat_templates", others);
    }
    putIfNotEmpty(metadata, KEY, byName.getOrDefault(DEFAULT, ""));
  }

  private static void putIfNotEmpty(GgufMetadata.Builder metadata, String key, String template) {
    if (!template.isEmpty()) {
      metadata.put(key, template);
    }
  }

  /// The field is one template, or a list of them with names.
  private static ChatTemplates parse(JsonObject file) {
    if (file.isString("chat_template")) {
      return new ChatTemplates(Map.of(DEFAULT, file.requireString("chat_template")));
    }
    Map<String, String> templates = new LinkedHashMap<>();
    for (JsonObject choice : file.objects("chat_template")) {
      templates.put(keyOf(choice.requireString("name")), choice.requireString("template"));
    }
    return new ChatTemplates(templates);
  }

  private static Map<String, String> additional(Path folder) {
    Map<String, String> templates = new TreeMap<>();
    if (!Files.isDirectory(folder)) {
      return templates;
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.jinja")) {
      for (Path file : files) {
        String name = file.getFileName().toString();
        templates.put(keyOf(name.substring(0, name.length() - ".jinja".length())), text(file));
      }
      return templates;
    } catch (IOException e) {
      throw new CheckpointException(folder + " cannot be read; check its permissions", e);
    }
  }

  /// A name becomes part of a metadata key, so it keeps its letters and digits alone.
  private static String keyOf(String name) {
    return name.replaceAll("[^A-Za-z0-9]", "_");
  }

  private static String text(Path file) {
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new CheckpointException(
          file + " cannot be read as UTF-8 (" + e.getMessage() + "); download it again", e);
    }
  }
}
