package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Options that have no effect beside others. None of the files exists: this is found out before
/// any is read.
class IdleOptionsTest {
  private static final String QUANTIZE = "quantize no.gguf out.gguf Q4_0";
  private static final String SIZED = "quantize no.gguf out.gguf --target-bpw 3 -f no.jsonl";
  private static final String DISTILL = "distill -m no.gguf -f no.jsonl -o out.gguf --type Q4_0";
  private static final String GRPO = "grpo -m no.gguf -f no.jsonl -o out.gguf";
  private static final String SYNTHESIZE = "synthesize -m no.gguf -o out.jsonl";
  private static final String PTQ = "bench ptq -m no.gguf -f no.jsonl --test no.jsonl -o no/out";

  @TempDir Path folder;

  /// @param idle an option that has no effect there, and its value
  /// @param mend what it has an effect with, or has none with
  /// @param made what makes it have one; empty where that is another command line altogether
  private record Case(String command, String idle, String mend, String made) {}

  static List<Case> cases() {
    return List.of(
        new Case(QUANTIZE + " --method rtn", "-f no.jsonl", "gptq", "--transform awq"),
        new Case(QUANTIZE + " --method rtn --transform quarot", "-f no.jsonl", "gptq", ""),
        new Case(QUANTIZE, "-c 64", "(-f)", "-f no.jsonl"),
        new Case(QUANTIZE, "--overlong cut", "(-f)", "-f no.jsonl"),
        new Case(QUANTIZE, "--domain math", "(-f)", "-f no.jsonl"),
        new Case(QUANTIZE, "--calibration-documents 8", "(-f)", "-f no.jsonl"),
        new Case(SIZED + " --method rtn", "--calibration-documents 8", "gptq", ""),
        new Case(QUANTIZE, "--keep-layers no", "gptq", "-f no.jsonl"),
        new Case(QUANTIZE, "--column-order natural", "gptq", "-f no.jsonl"),
        new Case(
            QUANTIZE + " -f no.jsonl",
            "--calibration-epochs 2",
            "--method blockwise",
            "--method blockwise"),
        new Case(QUANTIZE + " --method rtn", "--imatrix no.gguf", "--method imatrix", ""),
        new Case(QUANTIZE + " -f no.jsonl", "--imatrix no.gguf", "imatrix", ""),
        new Case(
            QUANTIZE + " -f no.jsonl",
            "--alpha 0.4",
            "--transform smoothquant",
            "--method smoothquant"),
        new Case(
            QUANTIZE + " -f no.jsonl --method awq", "--alpha 0.4", "--transform smoothquant", ""),
        new Case(
            QUANTIZE + " -f no.jsonl", "--transform-steps 9", "spinquant", "--transform flatquant"),
        new Case(QUANTIZE + " -f no.jsonl", "--seed 2", "quarot", "--transform quarot"),
        new Case(QUANTIZE + " -f no.jsonl --transform mr-gptq", "-s 2", "quarot", ""),
        new Case(QUANTIZE, "--candidate-types q4_K", "--target-bpw", ""),
        new Case(QUANTIZE, "--sensitivity no.json", "--target-bpw", ""),
        new Case(QUANTIZE, "--sensitivity-tokens 64", "--target-bpw", ""),
        new Case(SIZED, "--pure", "--target-bpw", ""),
        new Case(DISTILL + " --loss ce", "--temperature 2", "--loss", "--on-policy 0.5"),
        new Case(DISTILL + " --loss ce:1,hidden:1", "--temperature 2", "forward-kl", ""),
        new Case(DISTILL, "--decay-to start", "--weight-decay", "--weight-decay 0.1"),
        new Case(DISTILL, "--on-policy-loss jsd", "--on-policy", "--on-policy 0.5"),
        new Case(DISTILL, "--on-policy-temp 0.5", "--on-policy", "--on-policy 0.5"),
        new Case(DISTILL, "--on-policy-predict 9", "--on-policy", "--on-policy 0.5"),
        new Case(DISTILL, "--parallel 9", "--on-policy", "--eval-data no.jsonl"),
        new Case(DISTILL, "--rollout-device cpu", "--on-policy", "--on-policy 0.5"),
        new Case(DISTILL, "--eval-limit 9", "--eval-data", "--eval-data no.jsonl"),
        new Case(DISTILL, "--eval-predict 9", "--eval-data", "--eval-data no.jsonl"),
        new Case(DISTILL, "--eval-steps 9", "--held-out", "--held-out 9"),
        new Case(DISTILL, "--best-by loss", "--held-out", "--held-out 9"),
        new Case(DISTILL, "--patience 9", "--held-out", "--held-out 9"),
        new Case(DISTILL, "--checkpoint-steps 9", "--run-dir", "--run-dir no"),
        new Case(DISTILL, "--resume", "--run-dir", "--run-dir no"),
        new Case(DISTILL, "--sensitivity no.json", "--target-bpw", ""),
        new Case(GRPO, "--pure", "--type", "--type Q4_0"),
        new Case(GRPO, "--tensor-type ffn=q4_K", "--type", "--type Q4_0"),
        new Case(GRPO, "--reference no.gguf", "--kl", "--kl 0.1"),
        new Case(GRPO, "--clip-low 0.1", "--updates", "--updates 2"),
        new Case(GRPO, "--clip-high 0.3", "--updates", "--updates 2"),
        new Case(GRPO, "--checkpoint-steps 9", "--run-dir", "--run-dir no"),
        new Case("export -m no.gguf -o out.gguf", "--provenance line", "--record", "--record no"),
        new Case("eval -m no.gguf -f no.jsonl", "--force", "--replies", "-o out.json"),
        new Case("run -m no.gguf -p hello", "--seed 2", "--temp", "--temp 1"),
        new Case("chat -m no.gguf", "-s 2", "--temp", "--temp 1"),
        new Case(SYNTHESIZE + " -f no.jsonl", "--begin Who", "(-f)", ""),
        new Case(SYNTHESIZE, "--samples 2", "(-f)", "-f no.jsonl"),
        new Case(SYNTHESIZE, "--keep-wrong", "(-f)", "-f no.jsonl"),
        new Case(SYNTHESIZE + " -f no.jsonl --reply-temp 1", "--temp 1", "--reply-temp", ""),
        new Case(SYNTHESIZE + " -f no.jsonl --reply-temp 0", "--top-k 2", "--reply-temp", ""),
        new Case(SYNTHESIZE + " -f no.jsonl --reply-temp 0", "--top-p 0.9", "--reply-temp", ""),
        new Case(SYNTHESIZE + " -f no.jsonl --reply-temp 0", "--min-p 0.1", "--reply-temp", ""),
        new Case(SYNTHESIZE + " -f no.jsonl --reply-temp 0", "--seed 2", "--reply-temp", ""),
        new Case(
            "imatrix -m no.gguf -f no.jsonl -o out", "--overlong cut", "--weigh", "--weigh-tokens"),
        new Case(
            "imatrix -m no.gguf -f no.jsonl -o out --weigh-tokens", "--device cpu", "--weigh", ""),
        new Case("bench infer --compare no.json", "--type Q4_0", "'train'", ""),
        new Case("bench infer --compare no.json", "--forward decoded", "'train'", ""),
        new Case("bench infer --compare no.json", "--moments q8", "'train'", ""),
        new Case("bench infer --compare no.json", "--tokens-per-step 64", "'train'", ""),
        new Case("bench infer --compare no.json", "-c 64", "'train'", ""),
        new Case("bench infer --compare no.json", "--cached", "'train'", ""),
        new Case("bench infer --compare no.json", "--activations kept", "'train'", ""),
        new Case("bench train --compare no.json", "-ngl 1", "'infer'", ""),
        new Case("bench train --compare no.json", "-ctk f16", "'infer'", ""),
        new Case("bench train --compare no.json", "-ctv f16", "'infer'", ""),
        new Case("bench train --compare no.json", "-fa on", "'infer'", ""),
        new Case("bench quantize --compare no.json", "-m no.gguf", "'infer'", ""),
        new Case("bench quantize --compare no.json", "--width 256", "'infer'", ""),
        new Case("bench quantize --compare no.json", "--layers 1", "'infer'", ""),
        new Case("bench quantize --compare no.json", "--vocabulary 9", "'infer'", ""),
        new Case("bench quantize --compare no.json", "--device cpu", "'infer'", ""),
        new Case("bench quantize --compare no.json", "--threads 1", "'infer'", ""),
        new Case(PTQ + " --types sim:mxfp4", "--methods rtn", "--types", "--types Q4_0"),
        new Case(PTQ + " --types Q4_0 --methods rtn", "--calibration-documents 9", "--methods", ""),
        new Case("study run no.yaml --force", "--retry", "--force", ""));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void an_option_without_effect_is_refused(Case given) {
    String name = given.idle.split(" ")[0];
    CommandLine run = run(given.command, given.idle);
    assertRefused(run, UNUSABLE, " effect ", given.mend, "; ");
    // By one of its names.
    assertTrue(run.err().matches("(?s)error: --?[a-z-]+ has .*"), run.err());
    if (name.startsWith("--")) {
      assertTrue(run.err().startsWith("error: " + name + " "), run.err());
    }
  }

  static List<Case> mended() {
    return cases().stream().filter(given -> !given.made.isEmpty()).toList();
  }

  @ParameterizedTest
  @MethodSource("mended")
  void it_is_not_where_it_has_one(Case given) {
    CommandLine run = run(given.command, given.idle, given.made);
    assertFalse(run.err().contains(" effect "), run.err());
  }

  private static CommandLine run(String... parts) {
    return whittle(
        Arrays.stream(String.join(" ", parts).split(" +")).filter(s -> !s.isEmpty()).toArray());
  }

  @Test
  void help_is_given_all_the_same() {
    assertDone(whittle("quantize", "--alpha", "0.4", "--help"));
  }

  @Test
  void a_recipe_names_the_setting() throws IOException {
    String section =
        """
        run_dir: run
        defaults: {type: Q4_0, method: rtn, alpha: 0.3, calibration_documents: 8}
        import: {folder: %s}
        quantize: {model: $import%s}
        """;
    Path recipe = folder.resolve("tiny.yaml");
    String model = Demo.CHECKPOINT.toString();
    // What stands in 'defaults' is for whom it may concern.
    Files.writeString(recipe, section.formatted(model, ""));
    CommandLine shown = whittle("recipe", "show", recipe);
    assertDone(shown);
    assertFalse(shown.out().contains("alpha"), shown.out());
    Path resolved = Files.writeString(folder.resolve("resolved.yaml"), shown.out());
    assertDone(whittle("recipe", "show", resolved));

    Files.writeString(recipe, section.formatted(model, ", column_order: natural"));
    assertRefused(
        whittle("recipe", "show", recipe),
        UNUSABLE,
        "tiny.yaml: quantize.column_order has an effect only with --method gptq or blockwise; ");
    // It is written for another method than the one asked for now.
    assertDone(whittle("recipe", "show", recipe, "quantize.method=fitted"));
    assertRefused(
        whittle("recipe", "show", recipe, "quantize.alpha=0.3"),
        UNUSABLE,
        "quantize.alpha has an effect only with --transform smoothquant; ");
    // Or for one of several.
    Files.writeString(
        recipe,
        section.formatted(
            model, ", method: [rtn, gptq], column_order: natural, data: '" + Demo.CHATS + "'"));
    CommandLine both = whittle("recipe", "show", recipe);
    assertDone(both);
    assertTrue(
        Stream.of(both.out().split("(?m)^(?=\\S)"))
            .filter(stage -> stage.contains("column_order"))
            .allMatch(stage -> stage.startsWith("quantize-gptq:")),
        both.out());
    assertTrue(both.out().contains("column_order"), both.out());
  }
}
