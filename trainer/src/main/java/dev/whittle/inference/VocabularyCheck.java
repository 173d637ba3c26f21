package dev.whittle.inference;

import dev.whittle.gguf.GgufArray;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufValue;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Checks what llama.cpp takes for granted of a vocabulary.
final class VocabularyCheck {
  private static final String TOKENIZER = "tokenizer.ggml.model";
  private static final String TOKENS = "tokenizer.ggml.tokens";

  /// Byte-level BPE, and SentencePiece with bytes to fall back on.
  private static final String BPE = "gpt2";

  private static final String SENTENCE_PIECE = "llama";

  private final GgufFile file;

  private VocabularyCheck(GgufFile file) {
    this.file = file;
  }

  /// @throws GgufException if the vocabulary is damaged, or of a kind that Whittle does not know
  static void requireSound(GgufFile file) {
    new VocabularyCheck(file).requireSound();
  }

  private void requireSound() {
    String tokenizer = file.metadata().requireString(TOKENIZER);
    if (!List.of(BPE, SENTENCE_PIECE).contains(tokenizer)) {
      throw refused(
          "the tokenizer '"
              + tokenizer
              + "' as '"
              + TOKENIZER
              + "' where "
              + BPE
              + " or "
              + SENTENCE_PIECE
              + " is expected");
    }
    if (!(file.metadata().value(TOKENS).orElse(null) instanceof GgufArray tokens)) {
      throw refused("no array of strings as '" + TOKENS + "'");
    }
    Set<GgufValue> distinct = requireDistinct(tokens);
    if (tokenizer.equals(SENTENCE_PIECE)) {
      requireBytes(distinct);
    }
  }

  /// llama.cpp asserts that its maps from token to text and back are of the same size. It takes a
  /// text to end at its first NUL.
  private Set<GgufValue> requireDistinct(GgufArray tokens) {
    Set<GgufValue> distinct = new HashSet<>();
    for (GgufValue token : tokens.elements()) {
      if (token instanceof GgufValue.Text text && text.value().indexOf('\0') >= 0) {
        throw refused("a NUL in token " + distinct.size() + " of '" + TOKENS + "'");
      }
      if (!distinct.add(token)) {
        throw refused(
            "for token " + distinct.size() + " of '" + TOKENS + "' the text of one before it");
      }
    }
    return distinct;
  }

  /// llama.cpp looks up the token of any byte that no other token covers.
  private void requireBytes(Set<GgufValue> tokens) {
    for (int value = 0; value < 256; value++) {
      String token = "<0x%02X>".formatted(value);
      if (!tokens.contains(GgufValue.Text.of(token))) {
        throw refused("no token '" + token + "' among '" + TOKENS + "'");
      }
    }
  }

  private GgufException refused(String what) {
    return new GgufException(file.path() + " has " + what + "; convert the model again");
  }
}
