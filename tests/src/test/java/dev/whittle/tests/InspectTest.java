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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class InspectTest {
  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void writeModel() throws IOException {
    model = SampleModel.write(folder.resolve("sample.gguf"));
  }

  @Test
  void shows_what_the_file_holds() {
    CommandLine run = whittle("inspect", model, "--tensors");
    assertDone(run);
    assertEquals("", run.err());
    assertTrue(run.out().contains("architecture  qwen3"), run.out());
    assertTrue(run.out().contains("13.667 bits a weight"), run.out());
    assertTrue(run.out().contains("blk.0.ffn_up.weight  Q4_0  64 × 2"), run.out());
  }

  @Test
  void gives_json_alone() throws IOException {
    CommandLine run = whittle("inspect", "--json", model);
    assertDone(run);
    assertEquals(1, run.out().lines().count());
    JsonNode json = run.json();
    assertEquals(model.toString(), json.get("file").stringValue());
    assertEquals(Files.size(model), json.get("file_bytes").longValue());
    assertEquals(192, json.get("parameters").intValue());
    assertEquals(8.0 * (72 + 256) / 192, json.get("bits_per_weight").doubleValue(), 1e-9);
    assertEquals("F32", json.at("/types/0/type").stringValue());
    assertEquals("Infinity", json.at("/metadata/sample.infinity").stringValue());
    assertEquals(17, json.at("/metadata/sample.long/size").intValue());
    assertEquals(2, json.at("/metadata/sample.short/1").intValue());
    assertFalse(json.has("tensors"));
    JsonNode tensors = whittle("inspect", "--json", "--tensors", model).json().get("tensors");
    assertEquals(72, tensors.get(0).get("bytes").intValue());
  }

  @Test
  void keeps_control_characters_of_a_file_off_the_terminal() {
    CommandLine run = whittle("inspect", model);
    assertFalse(run.out().contains("\u001b"), run.out());
  }

  @Test
  void refuses_what_is_no_gguf_file() throws IOException {
    Path text = Files.writeString(folder.resolve("notes.txt"), "These are not weights.");
    Path empty = Files.createFile(folder.resolve("empty.gguf"));
    byte[] whole = Files.readAllBytes(model);
    Path truncated =
        Files.write(folder.resolve("short.gguf"), Arrays.copyOf(whole, whole.length - 1));
    assertRefused(whittle("inspect", text), UNUSABLE, "notes.txt is not a GGUF file");
    assertRefused(whittle("inspect", empty), UNUSABLE, "empty.gguf is not a GGUF file");
    assertRefused(
        whittle("inspect", truncated), UNUSABLE, "short.gguf is truncated", "output_norm.weight");
    assertRefused(whittle("inspect", folder), UNUSABLE, "is not a file");
    assertRefused(whittle("inspect", "--json", folder.resolve("none")), UNUSABLE, "does not exist");
  }
}
