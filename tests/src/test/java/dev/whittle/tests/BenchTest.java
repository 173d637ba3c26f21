package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class BenchTest {
  private static final String NAME = Demo.model().getFileName().toString();

  @Test
  void measures_training_beside_the_peak() {
    CommandLine run =
        whittle(
            "bench",
            "train",
            "-m",
            Demo.model(),
            "--tokens-per-step",
            128,
            "-c",
            64,
            "-t",
            1,
            "--json");
    assertDone(run);
    JsonNode result = run.json().get("train").get(NAME);
    assertTrue(result.get("tokens_per_second").doubleValue() > 0);
    double share = result.get("share").doubleValue();
    assertTrue(share > 0 && share < 1, () -> "share " + share);
    assertFalse(run.json().has("infer"));
  }

  @Test
  void measures_inference() {
    CommandLine run = whittle("bench", "infer", "-m", Demo.model(), "-t", 1);
    assertDone(run);
    assertTrue(run.out().contains(NAME), run.out());
  }

  @Test
  void refuses_an_unknown_kind() {
    assertRefused(whittle("bench", "fly"), UNUSABLE, "fly", "TRAIN");
  }
}
