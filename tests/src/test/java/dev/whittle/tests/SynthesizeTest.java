package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertEnded;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class SynthesizeTest {
  private static final Path MODEL = Demo.model();

  @TempDir Path folder;

  @Test
  void writes_what_eval_can_read() throws IOException {
    Path prompts =
        Files.write(
            folder.resolve("prompts.jsonl"), Files.readAllLines(Demo.QUESTIONS).subList(0, 5));
    Path data = folder.resolve("data.jsonl");
    CommandLine run =
        whittle(
            "synthesize",
            "-m",
            MODEL,
            "-o",
            data,
            "-f",
            prompts,
            "--reply-temp",
            0,
            "-t",
            1,
            "--json");
    assertDone(run);
    JsonNode json = run.json();
    assertEquals(Files.readAllLines(data).size(), json.get("examples").intValue());
    assertEquals(5, json.get("drawn").intValue());
    assertTrue(json.get("tokens_per_second").doubleValue() > 0);
    assertDone(whittle("eval", "-m", MODEL, "-f", data, "--limit", 2, "-t", 1));
  }

  @Test
  void refuses_what_it_cannot_use() throws IOException {
    Path data = folder.resolve("data.jsonl");
    assertRefused(whittle("synthesize", "-m", MODEL), UNUSABLE, "--output");
    assertRefused(
        whittle("synthesize", "-m", "none.gguf", "-o", data), UNUSABLE, "none.gguf does not exist");
    assertRefused(
        whittle("synthesize", "-m", MODEL, "-o", data, "--temp", -1), UNUSABLE, "temperature");
    assertRefused(
        whittle("synthesize", "-m", MODEL, "-o", data, "-np", 257), UNUSABLE, "--parallel", "256");
    Path text = Files.writeString(folder.resolve("text.jsonl"), "{\"text\": \"a b\"}\n");
    assertEnded(
        whittle("synthesize", "-m", MODEL, "-o", data, "-f", text),
        UNUSABLE,
        "text.jsonl line 1",
        "no reply");
    Files.writeString(folder.resolve("data.jsonl.part.json"), "{}");
    assertRefused(
        whittle("synthesize", "-m", MODEL, "-o", data), UNUSABLE, "unfinished", "--resume");
    assertRefused(
        whittle("synthesize", "-m", MODEL, "-o", data, "--resume"), UNUSABLE, "part.json");
  }
}
