package dev.whittle.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// The rules are spelled here as the `tokenizer.json` of well-known models have them.
class PreTokenizerTest {
  private static final String BYTES =
      """
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}
      """;

  private static final String LLAMA3 =
      """
      (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\
      \\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\
      """;

  private static final String QWEN2 = LLAMA3.replace("{1,3}", "");

  @Test
  void recognizesQwen2() {
    assertEquals("qwen2", name(sequence(split(QWEN2, "Isolated", false), BYTES)));
  }

  @Test
  void recognizesTheSameRuleSpelledByRemoval() {
    assertEquals("qwen2", name(sequence(split(QWEN2, "Removed", true), BYTES)));
  }

  @Test
  void tellsLlama3ByWhetherItIgnoresMerges() {
    String rule = sequence(split(LLAMA3, "Isolated", false), BYTES);
    assertEquals("llama-bpe", name(rule, "{\"ignore_merges\": true}"));
    assertEquals("smaug-bpe", name(rule, "{\"ignore_merges\": false}"));
    assertEquals("smaug-bpe", name(rule, "{}"));
  }

  @Test
  void recognizesGpt2() {
    assertEquals("gpt-2", name("{\"type\": \"ByteLevel\", \"add_prefix_space\": false}"));
  }

  @Test
  void recognizesSmolLm() {
    assertEquals(
        "smollm",
        name(
            sequence(
                "{\"type\": \"Digits\", \"individual_digits\": true}",
                "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": true}")));
  }

  @Test
  void showsTheRuleThatItDoesNotKnow() {
    assertUnknown(sequence(split("\\\\w+", "Isolated", false), BYTES), "\\w+");
    assertUnknown(sequence(split(QWEN2, "MergedWithNext", false), BYTES), "MergedWithNext");
    assertUnknown(split(QWEN2, "Isolated", false), "Split");
    assertUnknown("{\"type\": \"ByteLevel\", \"add_prefix_space\": true}", "add_prefix_space");
    assertUnknown("{\"type\": \"Metaspace\"}", "Metaspace");
    assertUnknown("null", "[]");
  }

  private static void assertUnknown(String rule, String part) {
    CheckpointException failure = assertThrows(CheckpointException.class, () -> name(rule));
    assertTrue(failure.getMessage().contains("'pre_tokenizer' is"), failure.getMessage());
    assertTrue(failure.getMessage().contains(part), failure.getMessage());
  }

  private static String name(String rule) {
    return name(rule, "{}");
  }

  private static String name(String rule, String model) {
    String json = "{\"pre_tokenizer\": %s, \"model\": %s}".formatted(rule, model);
    return PreTokenizer.name(
        JsonObject.parse(Path.of("tokenizer.json"), json.getBytes(StandardCharsets.UTF_8)));
  }

  private static String sequence(String... steps) {
    return "{\"type\": \"Sequence\", \"pretokenizers\": [%s]}".formatted(String.join(", ", steps));
  }

  private static String split(String escapedRegex, String behavior, boolean invert) {
    return "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"%s\"}, \"behavior\": \"%s\", \"invert\": %s}"
        .formatted(escapedRegex, behavior, invert);
  }
}
