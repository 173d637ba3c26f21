package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImportTest {
  @TempDir Path folder;

  @Test
  void writes_the_checkpoint_in_its_own_type_or_another() {
    Path own = folder.resolve("own.gguf");
    CommandLine run = whittle("import", Demo.CHECKPOINT, "-o", own);
    assertDone(run);
    assertEquals("", run.out());
    assertEquals(GgmlType.BF16, embeddingType(own));
    Path half = folder.resolve("half.gguf");
    assertDone(whittle("import", Demo.CHECKPOINT, "-o", half, "--outtype", "f16"));
    assertEquals(GgmlType.F16, embeddingType(half));
  }

  private static GgmlType embeddingType(Path model) {
    try (GgufFile file = GgufFile.open(model)) {
      return file.require("token_embd.weight").type();
    }
  }

  @Test
  void replaces_a_file_only_when_told_to() throws IOException {
    Path target = Files.writeString(folder.resolve("out.gguf"), "precious");
    assertRefused(
        whittle("import", Demo.CHECKPOINT, "-o", target), UNUSABLE, "out.gguf exists", "--force");
    assertEquals("precious", Files.readString(target));
    assertDone(whittle("import", Demo.CHECKPOINT, "-o", target, "--force"));
    assertTrue(Files.size(target) > 1_000_000);
  }

  @Test
  void refuses_what_cannot_be_read_or_written() throws IOException {
    Path target = folder.resolve("out.gguf");
    assertRefused(whittle("import", folder, "-o", target), UNUSABLE, "config.json is missing");
    assertRefused(
        whittle("import", folder.resolve("none"), "-o", target), UNUSABLE, "is not a folder");
    assertRefused(
        whittle("import", Demo.CHECKPOINT, "-o", folder.resolve("none/out.gguf")),
        UNUSABLE,
        "does not exist",
        "create it");
    assertRefused(
        whittle("import", Demo.CHECKPOINT, "-o", folder, "--force"),
        UNUSABLE,
        "not a regular file");
    assertRefused(
        whittle("import", Demo.CHECKPOINT, "-o", target, "--outtype", "q9"),
        UNUSABLE,
        "--outtype",
        "bf16");
    assertRefused(whittle("import", Demo.CHECKPOINT), UNUSABLE, "--output");
    try (Stream<Path> files = Files.list(folder)) {
      assertFalse(files.findAny().isPresent(), "something was left behind");
    }
  }
}
