package dev.whittle.huggingface;

import dev.whittle.gguf.GgufMetadata;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/// The tokens with a role, such as the end of a text, and which of them a tokenizer adds by itself.
///
/// They come from `tokenizer_config.json`, from the template in `tokenizer.json` and from
/// `config.json`, and in that order of precedence, as in gguf-py's `SpecialVocab`.
///
/// @param ids token ids by role
/// @param added whether the tokenizer adds the token of a role
record SpecialTokens(Map<String, Integer> ids, Map<String, Boolean> added) {

  /// The roles by the names that Hugging Face's files have for them, each with the name of its id
  /// in GGUF (the spelling of "seperator" is GGUF's).
  private static final Map<String, String> KEYS =
      inOrder(
          "bos", "tokenizer.ggml.bos_token_id",
          "eos", "tokenizer.ggml.eos_token_id",
          "unk", "tokenizer.ggml.unknown_token_id",
          "sep", "tokenizer.ggml.seperator_token_id",
          "pad", "tokenizer.ggml.padding_token_id",
          "mask", "tokenizer.ggml.mask_token_id",
          "eot", "tokenizer.ggml.eot_token_id");

  /// The roles of which GGUF can say that the tokenizer adds their token.
  private static final List<String> ADDABLE = List.of("bos", "eos", "sep");

  /// @param config `config.json`
  /// @param tokenizerConfig `tokenizer_config.json`, if there is one
  /// @param generationConfig `generation_config.json`, if there is one: where nothing else names
  ///   the end of a text, it may
  static SpecialTokens parse(
      JsonObject tokenizer,
      Vocabulary vocabulary,
      JsonObject config,
      Optional<JsonObject> tokenizerConfig,
      Optional<JsonObject> generationConfig) {
    Map<String, String> texts = new LinkedHashMap<>();
    tokenizerConfig.ifPresent(
        file -> KEYS.keySet().forEach(role -> text(file, role).ifPresent(t -> texts.put(role, t))));

    Map<String, Boolean> added = new LinkedHashMap<>();
    tokenizer
        .object("post_processor")
        .ifPresent(processor -> readProcessor(processor, texts, added));
    tokenizerConfig.ifPresent(file ->
        ADDABLE.forEach(
            role -> file.bool("add_" + role + "_token").ifPresent(b -> added.put(role, b))));

    Map<String, Integer> ids = new LinkedHashMap<>();
    for (String role : KEYS.keySet()) {
      Integer id = vocabulary.added().get(texts.getOrDefault(role, ""));
      if (id != null) {
        ids.put(role, id);
      }
    }
    KEYS.keySet().forEach(role -> putIfValid(ids, role, config, vocabulary));
    generationConfig.ifPresent(file -> putIfValid(ids, "eos", file, vocabulary));
    return new SpecialTokens(ids, added);
  }

  void putMetadata(GgufMetadata.Builder metadata) {
    ids.forEach((role, id) -> metadata.putU32(KEYS.get(role), id));
    added.forEach((role, add) -> metadata.put("tokenizer.ggml.add_" + role + "_token", add));
  }

  /// A token is spelled as a string or as an object with its content.
  private static Optional<String> text(JsonObject file, String role) {
    String field = role + "_token";
    return file.isObject(field) ? file.requireObject(field).string("content") : file.string(field);
  }

  /// Checkpoints have lists here, and -1 for none; neither names a token.
  private static void putIfValid(
      Map<String, Integer> ids, String role, JsonObject file, Vocabulary vocabulary) {
    OptionalLong id = file.integerIfSingle(role + "_token_id");
    if (id.isPresent() && id.getAsLong() >= 0 && id.getAsLong() < vocabulary.tokens().size()) {
      ids.putIfAbsent(role, (int) id.getAsLong());
    }
  }

  private static void readProcessor(
      JsonObject processor, Map<String, String> texts, Map<String, Boolean> added) {
    switch (processor.requireString("type")) {
      case "Sequence" ->
          processor.objects("processors").forEach(inner -> readProcessor(inner, texts, added));
      case "TemplateProcessing" -> readTemplate(processor, texts, added);
      case "ByteLevel" -> {
        // Trims the offsets of tokens, and adds none.
      }
      default ->
          throw processor.invalid(
              "type", "is not a post-processor that llama.cpp has; choose another model");
    }
  }

  /// A template such as `<bos> A <eos>` tells what is added at both ends; one for pairs, such as
  /// `<bos> A <sep> B`, what is added between.
  private static void readTemplate(
      JsonObject template, Map<String, String> texts, Map<String, Boolean> added) {
    List<JsonObject> single = template.objects("single");
    String first = single.size() > 1 ? specialToken(single.getFirst()) : null;
    String last = single.size() > 1 ? specialToken(single.getLast()) : null;
    if (first != null) {
      texts.putIfAbsent("bos", first);
      added.put("bos", first.equals(texts.get("bos")));
    }
    if (last != null) {
      String eos = texts.put("eos", last);
      if (eos != null && !eos.equals(last)) {
        texts.putIfAbsent("eot", eos);
      }
      added.put("eos", true);
    }
    List<JsonObject> pair = template.objects("pair");
    int start =
        first != null && !pair.isEmpty() && first.equals(specialToken(pair.getFirst())) ? 1 : 0;
    int end = pair.size();
    if (last != null && end > start && last.equals(specialToken(pair.getLast()))) {
      end--;
    }
    if (end - start > 2 && isSequence(pair.get(start)) && isSequence(pair.get(end - 1))) {
      readSeparators(pair.subList(start + 1, end - 1), last != null, texts, added);
    }
  }

  private static void readSeparators(
      List<JsonObject> between,
      boolean endAdded,
      Map<String, String> texts,
      Map<String, Boolean> added) {
    boolean one = isSeparator(between.getFirst(), texts) && !endAdded;
    boolean two = between.size() == 2 && isSeparator(between.getLast(), texts);
    added.put("sep", one || two);
    String eos = texts.get("eos");
    if ((one || two) && eos != null) {
      texts.putIfAbsent("sep", eos);
    }
  }

  private static boolean isSeparator(JsonObject piece, Map<String, String> texts) {
    String token = specialToken(piece);
    return token != null && (token.equals(texts.get("sep")) || token.equals(texts.get("eos")));
  }

  private static @Nullable String specialToken(JsonObject piece) {
    return piece.object("SpecialToken").flatMap(token -> token.string("id")).orElse(null);
  }

  private static boolean isSequence(JsonObject piece) {
    return piece.has("Sequence");
  }

  private static Map<String, String> inOrder(String... keysAndValues) {
    Map<String, String> map = new LinkedHashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      map.put(keysAndValues[i], keysAndValues[i + 1]);
    }
    return map;
  }
}
