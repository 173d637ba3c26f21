package dev.whittle.huggingface;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Recognizes the rule by which a tokenizer splits text before it merges bytes.
///
/// llama.cpp has such rules built in, and a GGUF file names the one to use. Its own converter finds
/// the name by tokenizing a text and looking the result's hash up, which fails for each vocabulary
/// that is not in its list. The name follows from the rule alone, though, and `tokenizer.json`
/// spells the rule out: so it is read from there.
final class PreTokenizer {

  /// A step of a rule.
  private sealed interface Step {

    /// Splits at the matches of a regular expression, and keeps them as pieces.
    record Split(String regex) implements Step {}

    /// Splits off digits, one by one or in runs.
    record Digits(boolean individual) implements Step {}

    /// Maps bytes to printable characters, and before that maybe splits by GPT-2's expression.
    record ByteLevel(boolean splits) implements Step {}

    /// Anything that llama.cpp has no rule with.
    record Other(String json) implements Step {}
  }

  private static final Step BYTES = new Step.ByteLevel(false);
  private static final Step GPT2 = new Step.ByteLevel(true);

  private static final String QWEN2_REGEX =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final String LLAMA3_REGEX =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final Set<String> MATCH_ALL = Set.of(QWEN2_REGEX, LLAMA3_REGEX);

  private static final List<Step> LLAMA3 = List.of(new Step.Split(LLAMA3_REGEX), BYTES);

  /// The rules whose names depend on nothing else. DeepSeek-R1-Distill-Qwen has Qwen2's rule:
  /// llama.cpp knows it as `deepseek-r1-qwen` too, and treats both names the same.
  private static final Map<List<Step>, String> NAMES =
      Map.of(
          List.of(new Step.Split(QWEN2_REGEX), BYTES),
          "qwen2",
          List.of(GPT2),
          "gpt-2",
          List.of(new Step.Digits(true), GPT2),
          "smollm",
          List.of(
              new Step.Split("[\r\n]"),
              new Step.Split("\\s?\\p{L}+"),
              new Step.Split("\\s?\\p{P}+"),
              new Step.Split("[一-龥ࠀ-一가-퟿]+"),
              new Step.Digits(true),
              BYTES),
          "deepseek-coder");

  private PreTokenizer() {}

  /// The name that llama.cpp has for the rule of a `tokenizer.json`.
  ///
  /// @throws CheckpointException if it has none
  static String name(JsonObject tokenizer) {
    List<Step> rule = new ArrayList<>();
    tokenizer.object("pre_tokenizer").ifPresent(step -> addSteps(step, rule));
    if (rule.equals(LLAMA3)) {
      // The same expression twice in llama.cpp: once for tokenizers that take a piece which is a
      // token as it is, and once for those that still merge it from its bytes.
      boolean ignoresMerges = tokenizer.requireObject("model").bool("ignore_merges").orElse(false);
      return ignoresMerges ? "llama-bpe" : "smaug-bpe";
    }
    String name = NAMES.get(rule);
    if (name == null) {
      throw tokenizer.invalid(
          "pre_tokenizer",
          "is "
              + rule
              + ", a rule that is not known here; choose a model with that of one of "
              + "Qwen 2 or 3, Llama 3, GPT-2, SmolLM, DeepSeek Coder");
    }
    return name;
  }

  private static void addSteps(JsonObject step, List<Step> rule) {
    if (step.requireString("type").equals("Sequence")) {
      step.objects("pretokenizers").forEach(inner -> addSteps(inner, rule));
    } else {
      rule.add(parse(step));
    }
  }

  private static Step parse(JsonObject step) {
    return switch (step.requireString("type")) {
      case "Split" -> parseSplit(step);
      case "Digits" -> new Step.Digits(step.bool("individual_digits").orElse(false));
      case "ByteLevel" ->
          step.bool("add_prefix_space").orElse(true)
              ? new Step.Other(step.toString())
              : new Step.ByteLevel(step.bool("use_regex").orElse(true));
      default -> new Step.Other(step.toString());
    };
  }

  /// Isolating what matches is what llama.cpp does. Removing what does not match comes to the same
  /// where there is nothing that does not.
  private static Step parseSplit(JsonObject step) {
    String regex = step.object("pattern").flatMap(pattern -> pattern.string("Regex")).orElse("");
    String behavior = step.string("behavior").orElse("");
    boolean inverted = step.bool("invert").orElse(false);
    boolean isolated = behavior.equals("Isolated") && !inverted;
    boolean kept = behavior.equals("Removed") && inverted && MATCH_ALL.contains(regex);
    return (isolated && !regex.isEmpty()) || kept
        ? new Step.Split(regex)
        : new Step.Other(step.toString());
  }
}
