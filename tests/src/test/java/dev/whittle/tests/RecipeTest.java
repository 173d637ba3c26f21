package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertEnded;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// `recipe`.
class RecipeTest {
  private static final String RECIPE =
      """
      run_dir: run

      defaults:
        type: TQ2_0
        threads: 1

      import:
        folder: %s

      rounded:
        stage: quantize
        model: $import
        method: [rtn, fitted]

      distill:
        model: $import
        data: chats.jsonl
        init: rtn
        steps: 4
        tokens_per_step: 256
        ctx_size: 256
        checkpoint_steps: 2

      eval:
        model: [$import, $rounded-fitted, $distill]
        data: questions.jsonl
        predict: 40
      """;

  @TempDir Path folder;
  private Path recipe;
  private Path run;
  private Path trained;

  @BeforeEach
  void write() throws IOException {
    recipe = folder.resolve("tiny.yaml");
    Files.writeString(recipe, RECIPE.formatted(Demo.CHECKPOINT));
    copy(Demo.CHATS, "chats.jsonl", 30);
    copy(Demo.QUESTIONS, "questions.jsonl", 4);
    run = folder.resolve("run");
    trained = run.resolve("distill.gguf");
  }

  private void copy(Path source, String name, int lines) throws IOException {
    try (Stream<String> all = Files.lines(source)) {
      Files.write(folder.resolve(name), all.limit(lines).toList());
    }
  }

  private CommandLine recipe(String command, Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("recipe", command, recipe));
    arguments.addAll(List.of(more));
    return whittle(arguments.toArray());
  }

  /// What a run says of each stage.
  private Map<String, String> states(Object... more) {
    List<Object> arguments = new ArrayList<>(List.of(more));
    arguments.add("--json");
    CommandLine ran = recipe("run", arguments.toArray());
    assertDone(ran);
    return ran.json()
        .get("stages")
        .valueStream()
        .collect(Collectors.toMap(s -> s.get("stage").asString(), s -> s.get("state").asString()));
  }

  private static List<String> with(Map<String, String> states, String state) {
    return states.keySet().stream().filter(s -> states.get(s).equals(state)).sorted().toList();
  }

  @Test
  void runs_what_is_not_up_to_date() throws IOException {
    List<String> all =
        List.of(
            "distill",
            "eval-distill",
            "eval-import",
            "eval-rounded-fitted",
            "import",
            "rounded-fitted",
            "rounded-rtn");
    assertEquals(all, with(states("--dry-run"), "would run"));
    assertFalse(Files.exists(run));
    assertEquals(all, with(states(), "done"));
    assertDone(whittle("verify", trained, "--run-dir", run.resolve("distill")));
    JsonNode graded = new JsonMapper().readTree(Files.readString(run.resolve("eval-distill.json")));
    assertEquals(4, graded.get("n").asInt());
    assertEquals(4, Files.readAllLines(run.resolve("eval-distill.replies.jsonl")).size());
    byte[] first = Files.readAllBytes(trained);

    assertEquals(all, with(states(), "up to date"));
    assertEquals(
        List.of("eval-distill", "eval-import", "eval-rounded-fitted"),
        with(states("eval.predict=41"), "done"));
    Files.writeString(trained, "damaged");
    assertEquals(List.of("distill"), with(states("eval.predict=41"), "done"));
    assertArrayEquals(first, Files.readAllBytes(trained));

    dropLine(folder.resolve("chats.jsonl"));
    assertEquals(
        List.of("distill", "eval-distill"),
        with(states("--dry-run", "eval.predict=41"), "would run"));
  }

  private static void dropLine(Path file) throws IOException {
    List<String> lines = Files.readAllLines(file);
    Files.write(file, lines.subList(1, lines.size()));
  }

  /// As a process that was killed leaves it: the stage begun, a checkpoint on the way, no output.
  @Test
  void goes_on_where_it_was_killed() throws IOException {
    states();
    byte[] whole = Files.readAllBytes(trained);
    Files.delete(trained);
    Files.delete(run.resolve("distill/checkpoints/step-000004.gguf"));
    Path record = run.resolve("stages/distill.json");
    JsonMapper json = new JsonMapper();
    ObjectNode begun = (ObjectNode) json.readTree(Files.readString(record));
    begun.putNull("outputs");
    Files.writeString(record, begun.toString());

    CommandLine again = recipe("run");
    assertDone(again);
    assertTrue(again.err().contains("distill goes on where it was"), again.err());
    assertArrayEquals(whole, Files.readAllBytes(trained));
    assertEquals(4, Files.readAllLines(run.resolve("distill/metrics.jsonl")).size());
  }

  @Test
  void shows_a_recipe_that_gives_the_same() throws IOException {
    CommandLine shown = recipe("show", "defaults.type=Q2_K", "distill.lr=1e-4");
    assertDone(shown);
    assertTrue(shown.out().contains("type: Q2_K"), shown.out());
    assertTrue(shown.out().contains("loss: forward-kl"), shown.out());
    assertFalse(Files.exists(run));
    Path resolved = Files.writeString(folder.resolve("resolved.yaml"), shown.out());
    assertEquals(shown.out(), whittle("recipe", "show", resolved).out());
  }

  @Test
  void says_where_a_stage_failed() throws IOException {
    Files.writeString(folder.resolve("chats.jsonl"), "{\"prompt\": \"1 + 1 =\"}\n");
    CommandLine failed = recipe("run");
    assertEnded(failed, UNUSABLE, "'distill'", "run the recipe again");
    assertTrue(failed.err().contains("chats.jsonl line 1"), failed.err());
    assertTrue(Files.exists(run.resolve("import.gguf")));
  }

  @Test
  void leaves_alone_what_it_did_not_write() throws IOException {
    Files.createDirectories(run);
    Files.writeString(trained, "precious");
    assertRefused(recipe("run"), UNUSABLE, "distill.gguf", "--force");
    assertEquals("precious", Files.readString(trained));
  }

  static List<List<String>> mistakes() {
    return List.of(
        List.of("distill.stesp=5", "distill.stesp", "did you mean 'steps'?"),
        List.of("defaults.tipe=Q2_K", "defaults.tipe", "did you mean 'type'?"),
        List.of("distil.steps=5", "distil", "did you mean 'distill'?"),
        List.of("defaults.type=Q9_K", ".type", "'Q9_K' is not a type", "Q2_K"),
        List.of("distill.steps=many", "distill.steps", "many"),
        List.of("distill.lr=-1", "distill", "learning rate"),
        List.of("distill.completion_only=maybe", "distill.completion_only", "true nor false"),
        List.of("distill.data=nowhere.jsonl", "distill.data", "nowhere.jsonl", "does not exist"),
        List.of("distill.data=", "distill", "'data'"),
        List.of("distill.model=$imprt", "$imprt", "did you mean 'import'?"),
        List.of("distill.model=$eval", "$eval", "before 'distill'"),
        List.of("distill.steps={a: 1}", "distill.steps", "table"),
        List.of("rounded.method=gptq", "rounded", "-f CALIB"),
        List.of("distill.device=TPU7", "tiny.yaml: distill: ", "TPU7"),
        List.of("eval.device=TPU7", "tiny.yaml: eval: ", "TPU7"),
        List.of("eval.simulate_activations=mxfp4@search", "tiny.yaml: eval: ", "mxfp4@0.75"),
        List.of("distill.output=run/import.gguf", "import and distill", "same file"),
        List.of("steps", "stage.setting=value"),
        List.of("distill=5", "which setting"));
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void finds_mistakes_before_anything_runs(List<String> mistake) throws IOException {
    String override = mistake.getFirst().replace("run/", run + "/");
    assertRefused(
        recipe("run", override),
        UNUSABLE,
        mistake.subList(1, mistake.size()).toArray(String[]::new));
    assertFalse(Files.exists(run));
  }

  @Test
  void finds_mistakes_in_the_file() throws IOException {
    assertRefused(
        whittle("recipe", "run", folder.resolve("no.yaml")), UNUSABLE, "no.yaml", "exist");
    Files.writeString(recipe, "run_dir: [");
    assertRefused(recipe("run"), UNUSABLE, "tiny.yaml line 1", "YAML");
    Files.writeString(recipe, "import:\n\tfolder: x\n");
    assertRefused(recipe("run"), UNUSABLE, "tiny.yaml line 2", "YAML", "TAB");
    Files.writeString(recipe, "import:\n  folder: x\n");
    assertRefused(recipe("run"), UNUSABLE, "'run_dir: FOLDER'");
    Files.writeString(recipe, "run_dir: run\nimprot:\n  folder: x\n");
    assertRefused(recipe("run"), UNUSABLE, "'improt'", "did you mean 'import'?");
    Files.writeString(recipe, "run_dir: run\nfirst:\n  stage: imprt\n");
    assertRefused(recipe("run"), UNUSABLE, "first.stage", "did you mean 'import'?");
    Files.writeString(recipe, "run_dir: run\n");
    assertRefused(recipe("run"), UNUSABLE, "no stages");
  }

  @Test
  void ready_recipes_are_in_order() throws IOException {
    try (Stream<Path> ready = Files.list(Demo.home().resolve("recipes"))) {
      List<Path> files = ready.filter(f -> f.toString().endsWith(".yaml")).toList();
      assertTrue(files.size() >= 5, files.toString());
      for (Path file : files) {
        assertDone(whittle("recipe", "show", file));
      }
    }
  }
}
