package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.assertDone;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// `--json` of the commands that write files: one object, which tells what was written.
class JsonResultTest {
  private static final Path MODEL = Demo.model();

  @TempDir Path folder;

  private static JsonNode json(Object... command) {
    CommandLine run = whittle(command);
    assertDone(run);
    return run.json();
  }

  private static void assertDescribes(Path file, JsonNode result) throws IOException {
    assertEquals(file.toString(), result.get("output").asString());
    assertEquals(Files.size(file), result.get("file_bytes").asLong());
  }

  @Test
  void an_import_tells_what_it_imported() throws IOException {
    Path out = folder.resolve("out.gguf");
    JsonNode result = json("import", Demo.CHECKPOINT, "-o", out, "--json");
    assertDescribes(out, result);
    assertEquals("qwen3", result.get("architecture").asString());
    assertEquals(4_984_832, result.get("parameters").asLong());
    assertEquals("BF16", result.get("type").asString());
  }

  @Test
  void a_quantized_file_and_its_plan() throws IOException {
    Path out = folder.resolve("out.gguf");
    JsonNode plan = json("quantize", MODEL, out, "Q2_K", "--dry-run", "--json");
    assertFalse(Files.exists(out));
    JsonNode result = json("quantize", MODEL, out, "Q2_K", "--json");
    assertDescribes(out, result);
    assertEquals("Q2_K", result.get("type").asString());
    assertEquals(plan.get("bits_per_weight").asDouble(), result.get("bits_per_weight").asDouble());
    long bytes = 0;
    for (JsonNode tensor : plan.get("tensors")) {
      bytes += tensor.get("bytes").asLong();
    }
    assertEquals(plan.get("tensor_bytes").asLong(), bytes);
  }

  @Test
  void an_importance_matrix_and_a_simulated_model() {
    Path matrix = folder.resolve("imatrix.gguf");
    JsonNode result =
        json(
            "imatrix",
            "-m",
            MODEL,
            "-f",
            Demo.CHATS,
            "-o",
            matrix,
            "--limit",
            20,
            "-t",
            1,
            "--json");
    assertEquals(matrix.toString(), result.get("output").asString());
    assertEquals(6 * 7, result.get("matrices").asInt());
    assertTrue(result.get("chunks").asInt() > 0);
    Path simulated = folder.resolve("simulated.gguf");
    JsonNode other = json("simulate", MODEL, simulated, "mxfp4", "--json");
    assertTrue(other.get("tensor_bytes").asDouble() < 4_000_000);
  }

  @Test
  void a_reply_comes_whole() {
    JsonNode result =
        json("run", "-m", MODEL, "-p", "What is 1901 + 510?", "-n", 60, "-t", 1, "--json");
    assertTrue(result.get("reply").asString().contains("2411"), result::toString);
    assertTrue(result.get("tokens").asInt() > 5);
  }
}
