package dev.whittle.huggingface;

import dev.whittle.gguf.GgufMetadata;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// Everything that GGUF holds of a tokenizer.
record Tokenizer(
    String preTokenizer, Vocabulary vocabulary, SpecialTokens special, ChatTemplates templates) {

  /// Reads the tokenizer of the checkpoint in `folder`.
  ///
  /// @param config its `config.json`
  /// @param vocabularySize the number of rows of its embedding
  /// @throws CheckpointException if a file is missing or damaged, or the tokenizer is not
  ///   byte-level BPE with a rule that llama.cpp has
  static Tokenizer read(Path folder, JsonObject config, int vocabularySize) {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.exists(file) && Files.exists(folder.resolve("tokenizer.model"))) {
      throw new CheckpointException(
          file
              + " is missing and tokenizer.model, a SentencePiece tokenizer, is not supported;"
              + " convert this model with llama.cpp");
    }
    JsonObject tokenizer = JsonObject.read(file);
    Optional<JsonObject> tokenizerConfig =
        JsonObject.readIfPresent(folder.resolve("tokenizer_config.json"));
    Vocabulary vocabulary = Vocabulary.parse(tokenizer, vocabularySize);
    SpecialTokens special =
        SpecialTokens.parse(
            tokenizer,
            vocabulary,
            config,
            tokenizerConfig,
            JsonObject.readIfPresent(folder.resolve("generation_config.json")));
    return new Tokenizer(
        PreTokenizer.name(tokenizer),
        vocabulary,
        special,
        ChatTemplates.read(folder, tokenizerConfig));
  }

  void putMetadata(GgufMetadata.Builder metadata) {
    metadata.put("tokenizer.ggml.model", "gpt2");
    metadata.put("tokenizer.ggml.pre", preTokenizer);
    metadata.put("tokenizer.ggml.tokens", vocabulary.tokens());
    metadata.put(
        "tokenizer.ggml.token_type", vocabulary.types().stream().mapToInt(TokenType::id).toArray());
    metadata.put("tokenizer.ggml.merges", vocabulary.merges());
    special.putMetadata(metadata);
    templates.putMetadata(metadata);
  }
}
