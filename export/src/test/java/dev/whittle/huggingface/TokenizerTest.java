package dev.whittle.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.gguf.GgufMetadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

class TokenizerTest {
  /// 256 bytes and five merges come before the added tokens.
  private static final int BOS = 261;

  private static final int EOS = 263;
  private static final int THINK = 264;

  @TempDir Path folder;

  private final TinyCheckpoint checkpoint = TinyCheckpoint.llama(1);

  @Test
  void typesTokens() throws IOException {
    GgufMetadata metadata = read();

    List<String> tokens = metadata.requireStrings("tokenizer.ggml.tokens");
    int[] types = metadata.requireInts("tokenizer.ggml.token_type");
    assertEquals(TinyCheckpoint.VOCABULARY, tokens.size());
    assertEquals("Ġthe", tokens.get(258));
    assertEquals(1, types[258]);
    assertEquals("<|im_end|>", tokens.get(EOS));
    assertEquals(3, types[EOS]);
    assertEquals("<think>", tokens.get(THINK));
    assertEquals(4, types[THINK]);
    assertEquals("[PAD265]", tokens.get(265));
    assertEquals(5, types[265]);
  }

  @Test
  void takesMarksForControlTokensEvenIfTheyAreNotFlagged() throws IOException {
    addToken(265, "<|tool|>");
    addToken(266, "two▁words");

    GgufMetadata metadata = read();

    assertEquals(3, metadata.requireInts("tokenizer.ggml.token_type")[265]);
    assertEquals("two words", metadata.requireStrings("tokenizer.ggml.tokens").get(266));
  }

  @Test
  void readsBothSpellingsOfMerges() throws IOException {
    List<String> expected = List.of("t h", "th e", "Ġ the", "i n", "Ġ a");
    assertEquals(expected, read().requireStrings("tokenizer.ggml.merges"));

    ArrayNode merges = model().putArray("merges");
    expected.forEach(merge -> merges.addArray().add(merge.split(" ")[0]).add(merge.split(" ")[1]));
    merges.addArray().add("a b").add("c");

    List<String> actual = read().requireStrings("tokenizer.ggml.merges");
    assertEquals(expected, actual.subList(0, expected.size()));
    assertEquals("aĠb c", actual.getLast());
  }

  @Test
  void findsSpecialTokensByTheirText() throws IOException {
    checkpoint.config().put("bos_token_id", 7).put("eos_token_id", 8).put("sep_token_id", 9);
    checkpoint.tokenizerConfig().putObject("eos_token").put("content", "<|im_end|>");

    GgufMetadata metadata = read();

    assertEquals(BOS, metadata.requireInteger("tokenizer.ggml.bos_token_id"));
    assertEquals(EOS, metadata.requireInteger("tokenizer.ggml.eos_token_id"));
    assertEquals(BOS, metadata.requireInteger("tokenizer.ggml.padding_token_id"));
    // Only config.json has this one.
    assertEquals(9, metadata.requireInteger("tokenizer.ggml.seperator_token_id"));
  }

  @Test
  void skipsIdsThatNameNoToken() throws IOException {
    checkpoint.tokenizerConfig().removeAll();
    checkpoint.config().put("pad_token_id", -1).put("bos_token_id", TinyCheckpoint.VOCABULARY);
    checkpoint.config().putArray("eos_token_id").add(EOS).add(BOS);

    GgufMetadata metadata = read();

    assertEquals(OptionalLong.empty(), metadata.integer("tokenizer.ggml.padding_token_id"));
    assertEquals(OptionalLong.empty(), metadata.integer("tokenizer.ggml.bos_token_id"));
    assertEquals(OptionalLong.empty(), metadata.integer("tokenizer.ggml.eos_token_id"));
  }

  @Test
  void fallsBackOnTheGenerationConfigForTheEnd() throws IOException {
    checkpoint.tokenizerConfig().removeAll();
    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": 263}");

    assertEquals(EOS, read().requireInteger("tokenizer.ggml.eos_token_id"));
  }

  @Test
  void readsWhatIsAddedFromTheTemplate() throws IOException {
    checkpoint
        .tokenizer()
        .set(
            "post_processor",
            JsonMapper.shared()
                .readTree(
                    """
                    {"type": "Sequence", "processors": [
                      {"type": "ByteLevel", "trim_offsets": false},
                      {"type": "TemplateProcessing",
                       "single": [{"SpecialToken": {"id": "<|endoftext|>"}}, {"Sequence": {"id": "A"}}],
                       "pair": [{"SpecialToken": {"id": "<|endoftext|>"}}, {"Sequence": {"id": "A"}},
                                {"SpecialToken": {"id": "<|endoftext|>"}}, {"Sequence": {"id": "B"}}]}]}
                    """));

    GgufMetadata metadata = read();

    assertTrue(metadata.requireBool("tokenizer.ggml.add_bos_token"));
    assertTrue(metadata.bool("tokenizer.ggml.add_eos_token").isEmpty());
    assertEquals(false, metadata.requireBool("tokenizer.ggml.add_sep_token"));
  }

  @Test
  void theTokenizerConfigOverridesTheTemplate() throws IOException {
    checkpoint
        .tokenizer()
        .set(
            "post_processor",
            JsonMapper.shared()
                .readTree(
                    """
                    {"type": "TemplateProcessing",
                     "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "<|im_end|>"}}],
                     "pair": []}
                    """));
    assertTrue(read().requireBool("tokenizer.ggml.add_eos_token"));

    checkpoint.tokenizerConfig().put("add_eos_token", false).put("add_bos_token", false);
    GgufMetadata metadata = read();
    assertEquals(false, metadata.requireBool("tokenizer.ggml.add_eos_token"));
    assertEquals(false, metadata.requireBool("tokenizer.ggml.add_bos_token"));
  }

  @Test
  void findsTheChatTemplateWhereverItIs() throws IOException {
    String key = "tokenizer.chat_template";
    checkpoint.tokenizerConfig().remove("chat_template");
    assertTrue(read().string(key).isEmpty());

    Files.writeString(folder.resolve("chat_template.json"), "{\"chat_template\": \"json\"}");
    assertEquals("json", read().requireString(key));

    checkpoint.tokenizerConfig().put("chat_template", "config");
    assertEquals("config", read().requireString(key));

    Files.writeString(folder.resolve("chat_template.jinja"), "jinja");
    assertEquals("jinja", read().requireString(key));
  }

  @Test
  void keepsNamedChatTemplates() throws IOException {
    ArrayNode templates = checkpoint.tokenizerConfig().putArray("chat_template");
    templates.addObject().put("name", "default").put("template", "plain");
    templates.addObject().put("name", "tool-use").put("template", "tools");

    GgufMetadata metadata = read();

    assertEquals("plain", metadata.requireString("tokenizer.chat_template"));
    assertEquals("tools", metadata.requireString("tokenizer.chat_template.tool_use"));
    assertEquals(List.of("tool_use"), metadata.requireStrings("tokenizer.chat_templates"));
  }

  @Test
  void refusesATokenBeyondTheEmbedding() throws IOException {
    addToken(TinyCheckpoint.VOCABULARY, "<beyond>");
    assertFails("'added_tokens[4].id'", "288", "vocab_size");
  }

  @Test
  void refusesATokenThatIsThereTwice() throws IOException {
    addToken(270, "Ġthe");
    assertFails("makes 'Ġthe' a token twice");
  }

  @Test
  void refusesTwoTokensWithOneId() throws IOException {
    ((ObjectNode) model().get("vocab")).put("another", 5);
    assertFails("'model.vocab.another'", "id 5");
  }

  @Test
  void refusesSentencePieceInDisguise() throws IOException {
    model().put("byte_fallback", true);
    assertFails("SentencePiece", "only byte-level BPE is supported");
  }

  @Test
  void refusesNormalizersThatLlamaCppDoesNotApply() throws IOException {
    checkpoint.tokenizer().putObject("normalizer").put("type", "NFC");
    read();

    checkpoint.tokenizer().putObject("normalizer").put("type", "Lowercase");
    assertFails("'normalizer'", "Lowercase");
  }

  @Test
  void refusesTwoAddedTokensOfTheSameId() throws IOException {
    int id = checkpoint.tokenizer().get("added_tokens").get(0).get("id").asInt();
    addToken(id, "<other>");
    assertFails("'added_tokens[", "has the id " + id + " of ");
  }

  @Test
  void refusesATokenizerWithoutMerges() throws IOException {
    model().putArray("merges");
    assertFails("'model.merges' is missing or empty");
  }

  private GgufMetadata read() throws IOException {
    checkpoint.write(folder);
    JsonObject config = JsonObject.read(folder.resolve("config.json"));
    GgufMetadata.Builder metadata = GgufMetadata.builder();
    Tokenizer.read(folder, config, TinyCheckpoint.VOCABULARY).putMetadata(metadata);
    return metadata.build();
  }

  private void assertFails(String... parts) {
    CheckpointException failure = assertThrows(CheckpointException.class, this::read);
    for (String part : parts) {
      assertTrue(failure.getMessage().contains(part), failure.getMessage());
    }
  }

  private ObjectNode model() {
    return (ObjectNode) checkpoint.tokenizer().get("model");
  }

  private void addToken(int id, String content) {
    ((ArrayNode) checkpoint.tokenizer().get("added_tokens"))
        .addObject()
        .put("id", id)
        .put("content", content)
        .put("special", false);
  }
}
