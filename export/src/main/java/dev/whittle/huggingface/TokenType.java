package dev.whittle.huggingface;

/// What a token is to llama.cpp, with the ids of `tokenizer.ggml.token_type`.
enum TokenType {
  /// A piece of text, as the merges make it.
  NORMAL(1),
  /// A mark that text cannot spell, such as the end of a turn.
  CONTROL(3),
  /// A piece of text that is matched whole, before the merges.
  USER_DEFINED(4),
  /// A row of the embedding that no token has.
  UNUSED(5);

  private final int id;

  TokenType(int id) {
    this.id = id;
  }

  int id() {
    return id;
  }
}
