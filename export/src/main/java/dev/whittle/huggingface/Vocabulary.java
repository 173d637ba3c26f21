package dev.whittle.huggingface;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The vocabulary and merges of a byte-level BPE tokenizer, from `tokenizer.json`.
///
/// @param tokens the tokens by id, one for each row of the embedding
/// @param types their types
/// @param merges the merges by rank, each two tokens with a space between
/// @param added the ids of the added tokens, which is where special tokens are looked up
record Vocabulary(
    List<String> tokens, List<TokenType> types, List<String> merges, Map<String, Integer> added) {

  /// @param size the number of rows of the embedding, which may be more than there are tokens
  /// @throws CheckpointException if this is no byte-level BPE, or its parts contradict each other
  static Vocabulary parse(JsonObject tokenizer, int size) {
    JsonObject model = tokenizer.requireObject("model");
    checkByteLevel(tokenizer, model);
    Slots slots = new Slots(size);
    JsonObject vocab = model.requireObject("vocab");
    for (String token : vocab.names()) {
      slots.put(vocab, token, vocab.requireInteger(token), token, TokenType.NORMAL);
    }
    Map<String, Integer> added = new HashMap<>();
    for (JsonObject token : tokenizer.objects("added_tokens")) {
      String content = token.requireString("content");
      TokenType type = addedType(content, token.bool("special").orElse(false));
      // llama.cpp matches what users define against text, where SentencePiece's mark is a space.
      String text = type == TokenType.USER_DEFINED ? content.replace('▁', ' ') : content;
      long id = token.requireInteger("id");
      slots.put(token, "id", id, text, type);
      added.putIfAbsent(content, (int) id);
    }
    slots.fillUnused(tokenizer);
    return new Vocabulary(
        Arrays.stream(slots.tokens).map(Objects::requireNonNull).toList(),
        Arrays.stream(slots.types).map(Objects::requireNonNull).toList(),
        merges(model),
        Map.copyOf(added));
  }

  private static void checkByteLevel(JsonObject tokenizer, JsonObject model) {
    String type = model.string("type").orElse("BPE");
    boolean byteFallback = model.bool("byte_fallback").orElse(false);
    if (!type.equals("BPE") || byteFallback) {
      throw model.invalid(
          "type",
          "is "
              + type
              + (byteFallback ? " with byte_fallback" : "")
              + ", and only byte-level BPE is supported, not SentencePiece as Llama 2 has it;"
              + " convert this model with llama.cpp");
    }
    for (String affix : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
      if (!model.string(affix).orElse("").isEmpty()) {
        throw model.invalid(affix, "is not supported; choose a model with byte-level BPE");
      }
    }
    Optional<JsonObject> normalizer = tokenizer.object("normalizer");
    if (normalizer.isPresent() && !isUnicodeNormalizer(normalizer.get())) {
      throw tokenizer.invalid(
          "normalizer",
          "is " + normalizer.get() + ", which llama.cpp does not apply; choose a model without it");
    }
  }

  /// NFC, which llama.cpp leaves to whoever typed the text, or nothing.
  private static boolean isUnicodeNormalizer(JsonObject normalizer) {
    return switch (normalizer.requireString("type")) {
      case "NFC" -> true;
      case "Sequence" ->
          normalizer.objects("normalizers").stream().allMatch(Vocabulary::isUnicodeNormalizer);
      default -> false;
    };
  }

  /// Some checkpoints do not flag as special what is. These spellings are what llama.cpp's
  /// converter goes by.
  private static TokenType addedType(String content, boolean special) {
    boolean looksSpecial =
        content.equals("<pad>")
            || content.equals("<mask>")
            || content.equals("<2mass>")
            || content.equals("[@BOS@]")
            || content.startsWith("<|") && content.endsWith("|>")
            || content.startsWith("<｜") && content.endsWith("｜>")
            || content.startsWith("<unused") && content.endsWith(">");
    return special || looksSpecial ? TokenType.CONTROL : TokenType.USER_DEFINED;
  }

  private static List<String> merges(JsonObject model) {
    List<String> merges =
        model.pairs("merges").stream()
            // The space between the two must be the only one; byte-level BPE spells it Ġ.
            .map(pair -> pair.getFirst().replace(' ', 'Ġ') + " " + pair.getLast().replace(' ', 'Ġ'))
            .toList();
    if (merges.isEmpty()) {
      throw model.invalid("merges", "is missing or empty; save the tokenizer again");
    }
    return merges;
  }

  /// The rows of the embedding, as they find their tokens.
  private static final class Slots {
    private final @Nullable String[] tokens;
    private final @Nullable TokenType[] types;

    Slots(int size) {
      tokens = new String[size];
      types = new TokenType[size];
    }

    /// An added token may repeat a token of the vocabulary, and then says what type it is.
    void put(JsonObject where, String field, long id, String token, TokenType type) {
      if (id < 0 || id >= tokens.length) {
        throw where.invalid(
            field,
            "gives a token the id "
                + id
                + " where config.json has a vocab_size of "
                + tokens.length
                + "; correct one of them");
      }
      int slot = (int) id;
      boolean repeated =
          tokens[slot] != null
              && (type == TokenType.NORMAL
                  || types[slot] != TokenType.NORMAL && !token.equals(tokens[slot]));
      if (repeated) {
        throw where.invalid(
            field, "has the id " + id + " of '" + tokens[slot] + "' too; save the tokenizer again");
      }
      tokens[slot] = token;
      types[slot] = type;
    }

    void fillUnused(JsonObject tokenizer) {
      Set<String> distinct = new HashSet<>();
      for (int id = 0; id < tokens.length; id++) {
        if (tokens[id] == null) {
          tokens[id] = "[PAD" + id + "]";
          types[id] = TokenType.UNUSED;
        }
        // llama.cpp stops the process when it loads a vocabulary with a token in it twice.
        if (!distinct.add(tokens[id])) {
          throw tokenizer.invalid(
              "added_tokens",
              "makes '" + tokens[id] + "' a token twice; remove one and save the tokenizer again");
        }
      }
    }
  }
}
