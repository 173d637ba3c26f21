package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.FAILED;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `bench ptq`, and the simulated formats that it compares with.
class PtqTest {
  private static final Path MODEL = Demo.model();

  @TempDir Path folder;

  @Test
  void measures_each_cell_once_and_says_why_one_failed() throws IOException {
    CommandLine run = bench("iq2_xxs,q8_0,sim:mxfp4:mxfp8@0.75", 4);
    assertDone(run);
    assertEquals(Files.readString(folder.resolve("table.md")), run.out());
    assertTrue(
        run.out().matches("(?s).*IQ2_XXS \\| rtn \\| f16 \\| failed: .*imatrix.*"), run.out());
    assertTrue(run.out().contains("mxfp4:mxfp8@0.75 (sim)"), run.out());
    assertTrue(Files.readString(folder.resolve("chart.svg")).contains("simulated"));
    JsonNode results = JsonMapper.shared().readTree(Files.readString(folder.resolve("table.json")));
    JsonNode real = results.get(1);
    assertEquals(4, real.get("questions").asInt());
    assertTrue(real.get("peak_bytes").asLong() > 1 << 20);
    assertTrue(real.get("mean_kld").asDouble() < results.get(2).get("mean_kld").asDouble());
    // The embedding stays as it is.
    assertEquals(4.891, results.get(2).get("bits_per_weight").asDouble(), 1e-3);

    Path kept = folder.resolve("cells/reasoner-5m-bf16-Q8_0-rtn-f16.json");
    FileTime measured = Files.getLastModifiedTime(kept);
    assertDone(bench("iq2_xxs,q8_0,sim:mxfp4:mxfp8@0.75", 4));
    assertEquals(measured, Files.getLastModifiedTime(kept));
  }

  @Test
  void says_what_is_simulated() {
    Path out = folder.resolve("simulated.gguf");
    assertDone(whittle("simulate", MODEL, out, "mxfp8"));
    CommandLine eval =
        whittle(
            "eval",
            "-m",
            out,
            "-f",
            Demo.QUESTIONS,
            "--limit",
            4,
            "--teacher",
            MODEL,
            "--simulate-activations",
            "mxfp8",
            "--json",
            "-t",
            1);
    assertDone(eval);
    JsonNode report = JsonMapper.shared().readTree(eval.out());
    assertEquals("weights mxfp8, activations mxfp8", report.get("simulated").asString());
    double divergence = report.get("kl").get("mean_kld").asDouble();
    assertTrue(divergence > 0 && divergence < 0.01, "KL " + divergence);
    assertRefused(whittle("simulate", MODEL, out, "mxfp5", "--force"), UNUSABLE, "mxfp4");
    assertRefused(
        whittle("eval", "-m", out, "-f", Demo.QUESTIONS, "--simulate-activations", "mxfp4@search"),
        UNUSABLE,
        "activations");
  }

  @Test
  void a_table_without_figures_is_a_failure() {
    assertEquals(FAILED, bench("iq2_xxs", 1).exitCode());
  }

  private CommandLine bench(String types, int questions) {
    return whittle(
        "bench",
        "ptq",
        "-m",
        MODEL,
        "-f",
        Demo.CHATS,
        "--test",
        Demo.QUESTIONS,
        "-o",
        folder,
        "--types",
        types,
        "--methods",
        "rtn",
        "--limit",
        questions,
        "-t",
        1);
  }
}
