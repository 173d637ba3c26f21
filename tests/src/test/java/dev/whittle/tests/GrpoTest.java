package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.FAILED;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertEnded;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GrpoTest {
  private static final Path MODEL = Demo.model();

  @TempDir Path folder;

  private Path quantized(String type) {
    Path file = folder.resolve(type + ".gguf");
    assertDone(whittle("quantize", MODEL, file, type, "--method", "rtn", "-t", 1));
    return file;
  }

  @Test
  void trains_the_blocks_that_it_ships() throws IOException {
    Path model = quantized("Q4_0");
    Path out = folder.resolve("out.gguf");
    Path run = folder.resolve("run");
    CommandLine grpo =
        whittle(
            "grpo",
            "-m",
            model,
            "-f",
            Demo.CHATS,
            "--domain",
            "math",
            "-o",
            out,
            "--steps",
            2,
            "--prompts",
            4,
            "--samples",
            2,
            "-n",
            60,
            "-t",
            1,
            "--rollout-device",
            "cpu",
            "--run-dir",
            run,
            "--json");
    assertDone(grpo);
    assertEquals(2, grpo.json().get("steps").asInt());
    assertEquals(Files.size(out), grpo.json().get("file_bytes").asLong());
    String last = Files.readAllLines(run.resolve("metrics.jsonl")).getLast();
    for (String key : List.of("step", "tokens", "loss", "lr", "grad_norm", "tokens_per_second")) {
      assertTrue(last.contains("\"" + key + "\":"), last);
    }
    assertTrue(last.contains("\"entropy\":") && last.contains("\"peak_bytes\":"), last);
    assertDone(whittle("verify", out, "--run-dir", run));
  }

  @Test
  void refuses_a_hopeless_start() {
    Path out = folder.resolve("out.gguf");
    CommandLine grpo =
        whittle(
            "grpo",
            "-m",
            quantized("TQ2_0"),
            "-f",
            Demo.CHATS,
            "-o",
            out,
            "--prompts",
            16,
            "-n",
            20,
            "-t",
            1);
    assertEnded(grpo, FAILED, "0 of the first", "distill");
    assertFalse(Files.exists(out));
  }

  @Test
  void refuses_what_it_cannot_use() {
    Path out = folder.resolve("out.gguf");
    assertRefused(
        whittle("grpo", "-m", MODEL, "-f", Demo.CHATS, "-o", out, "--samples", 1),
        UNUSABLE,
        "at least 2");
    assertRefused(
        whittle("grpo", "-m", MODEL, "-f", Demo.CHATS, "-o", out, "--resume"),
        UNUSABLE,
        "--run-dir");
    assertRefused(
        whittle("grpo", "-m", MODEL, "-f", Demo.CHATS, "-o", out, "--rollout-device", "TPU7"),
        UNUSABLE,
        "--rollout-device is TPU7");
    assertEnded(
        whittle("grpo", "-m", MODEL, "-f", Demo.CHATS, "-o", out), UNUSABLE, "not quantized");
  }
}
