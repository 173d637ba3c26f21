package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.FAILED;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertEnded;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `distill`, and `verify` of what it writes.
class DistillTest {
  private static final int CHATS = 30;

  @TempDir Path folder;
  private Path data;
  private Path out;
  private Path run;

  @BeforeEach
  void writeData() throws IOException {
    try (Stream<String> lines = Files.lines(Demo.CHATS)) {
      data = Files.write(folder.resolve("chats.jsonl"), lines.limit(CHATS).toList());
    }
    out = folder.resolve("out.gguf");
    run = folder.resolve("run");
  }

  private CommandLine distill(Object... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of("distill", "-m", Demo.model(), "-f", data, "-o", out, "--type", "q2_k"));
    arguments.addAll(
        List.of("--init", "rtn", "--steps", 4, "--tokens-per-step", 256, "-c", 256, "-t", 1));
    arguments.addAll(List.of(more));
    return whittle(arguments.toArray());
  }

  @Test
  void writes_the_blocks_that_it_trained() throws IOException {
    CommandLine trained = distill("--run-dir", run);
    assertDone(trained);
    assertEquals("", trained.out());
    assertTrue(trained.err().contains("out.gguf: Q2_K"), trained.err());
    assertEquals(4, Files.readAllLines(run.resolve("metrics.jsonl")).size());
    assertTrue(Files.exists(run.resolve("recipe.yaml")));
    CommandLine verified = whittle("verify", out, "--run-dir", run);
    assertDone(verified);
    assertEquals(3, verified.out().lines().filter(line -> line.startsWith("ok")).count());
  }

  @Test
  void a_flipped_byte_is_found() throws IOException {
    assertDone(distill());
    String tensor = "blk.3.ffn_down.weight";
    byte[] bytes = Files.readAllBytes(out);
    bytes[Math.toIntExact(offset(tensor))] ^= 1;
    Files.write(out, bytes);
    assertRefused(whittle("verify", out), FAILED, "out.gguf", tensor);
  }

  /// Where a tensor lies in the file: nothing but padding follows the last one.
  private long offset(String tensor) {
    try (GgufFile file = GgufFile.open(out)) {
      long dataBytes = file.tensors().getLast().offset() + file.tensors().getLast().bytes();
      long padded = Math.ceilDiv(dataBytes, file.alignment()) * file.alignment();
      return file.fileBytes() - padded + file.require(tensor).offset();
    }
  }

  @Test
  void a_resumed_run_ends_with_the_same_file() throws IOException {
    assertDone(distill("--run-dir", run, "--checkpoint-steps", 2));
    byte[] whole = Files.readAllBytes(out);
    Files.delete(run.resolve("checkpoints/step-000004.gguf"));
    assertDone(distill("--run-dir", run, "--checkpoint-steps", 2, "--resume", "--force"));
    assertArrayEquals(whole, Files.readAllBytes(out));
    assertEnded(
        distill("--run-dir", run, "--resume", "--force", "--lr", 0.1), FAILED, "recipe.yaml", "lr");
  }

  @Test
  void refuses_what_makes_no_sense() throws IOException {
    assertRefused(distill("--loss", "kl"), UNUSABLE, "'kl'", "forward-kl");
    assertRefused(distill("--lr", -1), UNUSABLE, "learning rate");
    assertRefused(distill("--resume"), UNUSABLE, "--run-dir");
    assertRefused(distill("--lr", "fast"), UNUSABLE, "--lr", "fast");
    Files.writeString(out, "precious");
    assertRefused(distill(), UNUSABLE, "--force");
    Files.delete(out);
    Files.writeString(data, "");
    assertEnded(distill(), UNUSABLE, "chats.jsonl has no examples");
    Files.writeString(data, "{\"prompt\": \"1 + 1 =\"}\n");
    assertEnded(distill(), UNUSABLE, "chats.jsonl line 1");
    assertFalse(Files.exists(out));
  }

  @Test
  void a_start_that_is_no_model_is_refused() {
    List<Object> arguments =
        List.of(
            "distill", "-m", Demo.model(), "-f", data, "-o", out, "--type", "q2_k", "--init", "no");
    assertRefused(whittle(arguments.toArray()), UNUSABLE, "--init", "'no'");
  }
}
