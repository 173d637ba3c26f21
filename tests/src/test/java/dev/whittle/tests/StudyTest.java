package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.FAILED;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// `study`.
class StudyTest {
  /// Of its two arms, one can only fail: IQ2_XXS needs an importance matrix.
  private static final String STUDY =
      """
      study_dir: out
      seeds: [1, 2]
      factors:
        type:
          TQ2_0: {defaults.type: TQ2_0}
          IQ2_XXS: {defaults.type: IQ2_XXS}
      columns:
        before: before.accuracy
        after: after.accuracy
        more tokens: after.mean_tokens - before.mean_tokens
      recipe:
        import:
          folder: %s
        before:
          stage: eval
          model: $import
          data: questions.jsonl
          predict: 40
        distill:
          model: $import
          data: chats.jsonl
          init: rtn
          steps: 2
          tokens_per_step: 256
          ctx_size: 256
        after:
          stage: eval
          model: $distill
          data: questions.jsonl
          predict: 40
      """;

  @TempDir Path folder;
  private Path study;
  private Path out;

  @BeforeEach
  void write() throws IOException {
    study = Files.writeString(folder.resolve("tiny.yaml"), STUDY.formatted(Demo.CHECKPOINT));
    copy(Demo.CHATS, "chats.jsonl", 30);
    copy(Demo.QUESTIONS, "questions.jsonl", 4);
    out = folder.resolve("out");
  }

  private void copy(Path source, String name, int lines) throws IOException {
    try (Stream<String> all = Files.lines(source)) {
      Files.write(folder.resolve(name), all.limit(lines).toList());
    }
  }

  private CommandLine study(String command, Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("study", command, study));
    arguments.addAll(List.of(more));
    return whittle(arguments.toArray());
  }

  @Test
  void runs_arms_by_seeds_and_shares_what_they_have_in_common() throws IOException {
    CommandLine run = study("run", "-j", 2, "--json");
    assertDone(run);
    JsonNode rows = run.json().get("rows");
    JsonNode good = rows.get(0);
    assertEquals("TQ2_0", good.get("arm").asString());
    assertEquals(4, good.get("figures").get("before").get("questions").asInt());
    assertEquals(2, good.get("figures").get("after").get("values").size());
    assertTrue(good.get("failures").isEmpty(), good.toString());
    JsonNode bad = rows.get(1);
    assertFalse(bad.get("figures").has("after"), bad.toString());
    assertEquals(2, bad.get("failures").get(0).get("seeds").size());
    assertEquals("distill", bad.get("failures").get(0).get("stage").asString());
    assertTrue(run.err().contains("IQ2_XXS seed 2: distill failed: "), run.err());

    Path first = out.resolve("TQ2_0/seed-1");
    Path second = out.resolve("TQ2_0/seed-2");
    assertEquals(
        Files.getLastModifiedTime(first.resolve("import.gguf")),
        Files.getLastModifiedTime(out.resolve("IQ2_XXS/seed-2/import.gguf")));
    assertNotEquals(
        -1, Files.mismatch(first.resolve("distill.gguf"), second.resolve("distill.gguf")));
    try (Stream<Path> left = Files.list(first.resolve("distill/checkpoints"))) {
      assertEquals(0, left.count());
    }

    FileTime trained = Files.getLastModifiedTime(first.resolve("distill.gguf"));
    CommandLine again = study("run");
    assertDone(again);
    assertEquals(trained, Files.getLastModifiedTime(first.resolve("distill.gguf")));
    assertEquals(Files.readString(out.resolve("table.md")), again.out());
    assertTrue(again.out().contains("- IQ2_XXS, seeds 1, 2: distill failed: "), again.out());
    assertTrue(again.err().contains("--retry"), again.err());

    CommandLine table = study("table");
    assertDone(table);
    assertEquals(again.out(), table.out());
    CommandLine longer = study("table", "distill.steps=3");
    assertTrue(longer.out().contains("- TQ2_0, IQ2_XXS, seeds 1, 2: not finished"), longer.out());

    CommandLine only = study("run", "--arms", "IQ2_XXS", "--seeds", 2, "--retry");
    assertEquals(FAILED, only.exitCode());
    assertFalse(only.err().contains("--retry"), only.err());
    // What is not run now is in the table all the same.
    assertEquals(again.out(), only.out());
  }

  static List<List<String>> mistakes() {
    return List.of(
        List.of("study_dir:", "study_dri:", "'study_dri'", "did you mean 'study_dir'?"),
        List.of("study_dir: out", "study_dir:", "study_dir: FOLDER"),
        List.of("[1, 2]", "[1, 1]", "seeds", "twice"),
        List.of("[1, 2]", "3", "seeds: [1, 2, 3]"),
        List.of("factors:", "factors: 3\nrecipe:", "YAML"),
        List.of("TQ2_0: {defaults.type: TQ2_0}", "a/b: {defaults.type: TQ2_0}", "a/b", "folder"),
        List.of("{defaults.type: TQ2_0}", "{type: TQ2_0}", "TQ2_0.type", "stage.setting"),
        List.of("{defaults.type: TQ2_0}", "TQ2_0", "factors.type.TQ2_0", "indented"),
        List.of("{defaults.type: TQ2_0}", "{distil.type: TQ2_0}", "did you mean 'distill'?"),
        List.of("{defaults.type: TQ2_0}", "{distill.tipe: TQ2_0}", "did you mean 'type'?"),
        List.of("{defaults.type: TQ2_0}", "{distill.type: Q9_K}", "'Q9_K' is not a type"),
        List.of("after.accuracy", "aftr.accuracy", "columns.after", "did you mean 'after'?"),
        List.of("after.accuracy", "after.acuracy", "columns.after", "did you mean 'accuracy'?"),
        List.of("init: rtn", "output: one.gguf", "'distill'", "'output'"),
        List.of("recipe:", "recipe: nowhere.yaml\nseedz:", "'seedz'", "did you mean 'seeds'?"));
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void finds_mistakes_before_anything_runs(List<String> mistake) throws IOException {
    String text = Files.readString(study);
    assertTrue(text.contains(mistake.get(0)), mistake.get(0));
    Files.writeString(study, text.replace(mistake.get(0), mistake.get(1)));
    assertRefused(
        study("run"), UNUSABLE, mistake.subList(2, mistake.size()).toArray(String[]::new));
    assertFalse(Files.exists(out));
  }

  @Test
  void finds_mistakes_on_the_command_line() {
    assertRefused(study("run", "defaults.type=Q2_K"), UNUSABLE, "defaults.type", "--arms");
    assertRefused(study("run", "--arms", "TQ2_1"), UNUSABLE, "did you mean 'TQ2_0'? See");
    assertRefused(study("run", "--seeds", "3"), UNUSABLE, "[1, 2]");
    assertRefused(study("run", "--devices", "CUDA9"), UNUSABLE, "--devices", "CUDA9");
    assertFalse(Files.exists(out));
  }

  @Test
  void ready_studies_are_in_order() throws IOException {
    try (Stream<Path> ready = Files.list(Demo.home().resolve("recipes/findings"))) {
      List<Path> files = ready.toList();
      assertEquals(4, files.size());
      for (Path file : files) {
        assertDone(whittle("study", "show", file));
      }
    }
  }
}
