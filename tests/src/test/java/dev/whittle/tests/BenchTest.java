package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class BenchTest {
  private static final String NAME = Demo.model().getFileName().toString();
  private static final Object[] SMALL = {"--width", 256, "--layers", 1, "--vocabulary", 300};

  @TempDir Path folder;

  private static CommandLine train(Object... more) {
    Object[] arguments = {
      "bench", "train", "--tokens-per-step", 128, "-c", 64, "-t", 1, "-r", 3, "--json"
    };
    return whittle(Stream.of(arguments, more).flatMap(Arrays::stream).toArray());
  }

  /// A median between its least and greatest values.
  private static double median(JsonNode measurement) {
    double median = measurement.get("median").doubleValue();
    assertTrue(measurement.get("min").doubleValue() <= median, measurement::toString);
    assertTrue(measurement.get("max").doubleValue() >= median, measurement::toString);
    return median;
  }

  @Test
  void measures_training_beside_the_peak() {
    CommandLine run = train("-m", Demo.model());
    assertDone(run);
    JsonNode result = run.json().get("train").get(NAME);
    assertTrue(median(result.get("tokens_per_second")) > 0);
    double share = result.get("share").doubleValue();
    assertTrue(share > 0 && share < 1, () -> "share " + share);
    assertFalse(run.json().has("infer"));
  }

  @Test
  void measures_training_with_a_cached_teacher() {
    CommandLine run = train(with("--cached"));
    assertDone(run);
    JsonNode result = run.json().get("train").iterator().next();
    assertTrue(result.get("cached_teacher").booleanValue());
    assertTrue(median(result.get("tokens_per_second")) > 0);
  }

  @Test
  void the_cpu_runs_every_operation_of_a_step_itself() {
    JsonNode result =
        train(with("--activations", "recomputed")).json().get("train").iterator().next();
    assertTrue(result.get("unsupported_operations").isArray());
    assertEquals(0, result.get("unsupported_operations").size());
  }

  @Test
  void the_machine_and_the_settings_are_told() {
    JsonNode json = train(SMALL).json();
    assertFalse(json.at("/machine/cpu").asString("").isBlank());
    // A container may be given fewer processors than the machine has cores.
    assertEquals(
        Runtime.getRuntime().availableProcessors(), json.at("/machine/processors").intValue());
    assertTrue(json.at("/machine/cores").intValue() >= 1);
    assertTrue(json.at("/machine/cpu_features").isArray());
    assertEquals(1, json.at("/settings/threads").intValue());
    assertEquals(64, json.at("/settings/ctx_size").intValue());
    assertEquals("Q2_K", json.at("/settings/type").asString(""));
    assertEquals("auto", json.at("/settings/activations").asString(""));
    assertTrue(json.get("train").has("qwen3-w256-l1-v300.gguf"), json::toString);
  }

  @Test
  void measures_inference_of_a_model_of_random_weights() {
    CommandLine run = whittle(with("bench", "infer", "-t", 1, "-r", 1, "--json"));
    assertDone(run);
    JsonNode result = run.json().get("infer").iterator().next();
    assertTrue(median(result.get("prompt_tokens_per_second")) > 0);
    assertTrue(median(result.get("tokens_per_second")) > 0);
    assertTrue(median(result.get("parallel_tokens_per_second")) > 0);
    assertFalse(run.json().has("train"));
  }

  @Test
  void an_earlier_report_is_compared_with() throws IOException {
    Path earlier = Files.writeString(folder.resolve("earlier.json"), train(SMALL).out());
    CommandLine run = train(with("--compare", earlier, "--moments", "bf16"));
    assertDone(run);
    String place = "train/qwen3-w256-l1-v300.gguf/tokens_per_second";
    JsonNode figure = run.json().at("/compared/figures").get(place);
    double then = figure.get("earlier").doubleValue();
    double now = figure.get("now").doubleValue();
    assertEquals(now / then, figure.get("ratio").doubleValue(), 1e-9);
    assertEquals(now, median(run.json().at("/train/qwen3-w256-l1-v300.gguf/tokens_per_second")));
    assertTrue(
        run.err().contains("moments is BF16, and was F32"), () -> "no warning in: " + run.err());
    assertFalse(run.err().contains("threads is"), run.err());
  }

  @Test
  void refuses_what_makes_no_sense() throws IOException {
    assertRefused(whittle("bench", "fly"), UNUSABLE, "fly", "train");
    assertRefused(whittle("bench", "train", "--width", 100), UNUSABLE, "width of 100", "256");
    assertRefused(
        whittle("bench", "-m", Demo.model(), "--layers", 2), UNUSABLE, "leave out --model");
    assertRefused(
        whittle("bench", "train", "--activations", "none"), UNUSABLE, "'none'", "recomputed");
    Path other = Files.writeString(folder.resolve("other.json"), "{\"format\": \"other\"}");
    assertRefused(
        whittle("bench", "--compare", other), UNUSABLE, "other.json", "'whittle bench --json'");
    assertRefused(
        whittle("bench", "--compare", Demo.model()), UNUSABLE, NAME, "'whittle bench --json'");
    assertRefused(whittle("bench", "--compare", "none.json"), UNUSABLE, "none.json does not exist");
  }

  private static Object[] with(Object... more) {
    return Stream.of(more, SMALL).flatMap(Arrays::stream).toArray();
  }
}
