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
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

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
    return distillFrom("rtn", more);
  }

  private CommandLine distillFrom(String start, Object... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of("distill", "-m", Demo.model(), "-f", data, "-o", out, "--type", "q2_k"));
    arguments.addAll(
        List.of("--init", start, "--steps", 4, "--tokens-per-step", 256, "-c", 256, "-t", 1));
    arguments.addAll(List.of(more));
    return whittle(arguments.toArray());
  }

  @Test
  void writes_the_blocks_that_it_trained() throws IOException {
    CommandLine trained = distill("--run-dir", run);
    assertDone(trained);
    assertEquals("", trained.out());
    assertTrue(trained.err().contains("out.gguf: Q2_K"), trained.err());
    List<String> metrics = Files.readAllLines(run.resolve("metrics.jsonl"));
    assertEquals(4, metrics.size());
    assertEquals(
        Set.of("step", "tokens", "loss", "lr", "grad_norm", "tokens_per_second", "peak_bytes"),
        Set.copyOf(new JsonMapper().readTree(metrics.getFirst()).propertyNames()));
    assertTrue(Files.exists(run.resolve("recipe.yaml")));
    CommandLine verified = whittle("verify", out, "--run-dir", run);
    assertDone(verified);
    assertEquals(3, verified.out().lines().filter(line -> line.startsWith("ok")).count());
    JsonNode proof = whittle("verify", out, "--run-dir", run, "--json").json();
    assertEquals(proof.get("tensors_intact"), proof.get("tensors_as_trained"));
    assertTrue(proof.get("runs").asBoolean());
    CommandLine again =
        whittle("distill", "-m", out, "-f", data, "-o", "none", "--type", "q2_k", "--dry-run");
    assertDone(again);
    assertTrue(again.err().contains("out.gguf is quantized itself"), again.err());
    Path exported = folder.resolve("exported.gguf");
    assertEquals(
        Files.size(out),
        whittle("export", "-m", out, "-o", exported, "--json").json().get("file_bytes").asLong());
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
        distill("--run-dir", run, "--resume", "--force", "--lr", 0.1),
        UNUSABLE,
        "recipe.yaml",
        "lr");
  }

  @Test
  void training_can_start_from_gptq() throws IOException {
    CommandLine started = distillFrom("gptq", "--run-dir", run);
    assertDone(started);
    assertTrue(started.err().contains("distill: quantizing by GPTQ"), started.err());
    assertTrue(Files.exists(run.resolve("gptq.gguf")));
  }

  @Test
  void the_best_step_is_shipped_and_verified() throws IOException {
    CommandLine trained =
        distill(
            "--run-dir",
            run,
            "--scales",
            "trained",
            "--held-out",
            5,
            "--eval-steps",
            1,
            "--decay-to",
            "start",
            "--weight-decay",
            1,
            "--ema",
            0.5,
            "--loss",
            "forward-kl,hidden:0.5");
    assertDone(trained);
    assertTrue(trained.err().contains("with a held-out loss of"), trained.err());
    JsonNode last =
        new JsonMapper().readTree(Files.readAllLines(run.resolve("metrics.jsonl")).getLast());
    assertTrue(last.get("held_out_loss").asDouble() > 0);
    assertTrue(last.get("hidden_loss").asDouble() > 0);
    CommandLine verified = whittle("verify", out, "--run-dir", run);
    assertDone(verified);
    assertTrue(verified.out().contains("best.gguf"), verified.out());
  }

  @Test
  void the_step_that_answers_most_is_shipped() throws IOException {
    Path questions = folder.resolve("questions.jsonl");
    try (Stream<String> lines = Files.lines(Demo.CHATS)) {
      Files.write(questions, lines.skip(CHATS).limit(6).toList());
    }
    CommandLine trained =
        distill(
            "--run-dir",
            run,
            "--eval-data",
            questions,
            "--eval-limit",
            5,
            "--eval-predict",
            40,
            "--eval-steps",
            2);
    assertDone(trained);
    assertTrue(trained.err().contains("with an accuracy of"), trained.err());
    JsonNode last =
        new JsonMapper().readTree(Files.readAllLines(run.resolve("metrics.jsonl")).getLast());
    double right = 5 * last.get("held_out_accuracy").asDouble();
    assertEquals(Math.round(right), right, 1e-9);
    assertTrue(last.propertyNames().stream().anyMatch(n -> n.startsWith("held_out_accuracy_")));
    assertDone(whittle("verify", out, "--run-dir", run));
    Files.writeString(questions, "{\"text\": \"no question\"}\n");
    assertEnded(
        distill("--eval-data", questions, "--force"), UNUSABLE, "questions.jsonl line 1", "answer");
  }

  @Test
  void the_student_learns_from_its_own_replies() throws IOException {
    CommandLine trained =
        distill("--run-dir", run, "--on-policy", 0.5, "--on-policy-predict", 20, "-np", 8);
    assertDone(trained);
    JsonNode last =
        new JsonMapper().readTree(Files.readAllLines(run.resolve("metrics.jsonl")).getLast());
    assertTrue(last.get("on_policy_loss").asDouble() > 0);
    assertFalse(last.has("loss"));
    assertDone(whittle("verify", out, "--run-dir", run));
  }

  @Test
  void what_cannot_be_trained_so_is_refused() {
    assertRefused(distill("--on-policy", 2), UNUSABLE, "at most 1");
    assertRefused(
        distill("--on-policy", 1, "--rollout-device", "TPU7"),
        UNUSABLE,
        "--rollout-device is TPU7");
    assertRefused(distill("--on-policy", 1, "--on-policy-loss", "ce"), UNUSABLE, "'ce'");
    assertRefused(
        distill("--on-policy", 1, "--teacher-cache", folder.resolve("teacher")),
        UNUSABLE,
        "--teacher-cache",
        "--on-policy");
    assertRefused(distill("--patience", 3), UNUSABLE, "--held-out", "--eval-data");
    assertRefused(distill("--eval-limit", 3), UNUSABLE, "--eval-data");
    assertRefused(distill("--held-out", 3, "--best-by", "accuracy"), UNUSABLE, "--eval-data");
    assertRefused(distill("--eval-data", data, "--best-by", "loss"), UNUSABLE, "--held-out");
    assertEnded(distill("--held-out", CHATS), UNUSABLE, "30 documents");
    assertEnded(
        distill("--scales", "frozen", "--tensor-type", "ffn_down=iq4_xs"),
        UNUSABLE,
        "ffn_down",
        "--scales refit");
  }

  @Test
  void the_teacher_can_be_cached() throws IOException {
    Path cache = folder.resolve("teacher");
    CommandLine filling = distill("--teacher-cache", cache);
    assertDone(filling);
    assertTrue(filling.err().contains("distill: filling " + cache), filling.err());
    byte[] first = Files.readAllBytes(out);
    CommandLine reading = distill("--teacher-cache", cache, "--force");
    assertDone(reading);
    assertFalse(reading.err().contains("filling"), reading.err());
    assertArrayEquals(first, Files.readAllBytes(out));

    Files.write(data, Files.readAllLines(data).subList(1, CHATS));
    assertEnded(
        distill("--teacher-cache", cache, "--force"), UNUSABLE, cache.toString(), "other data");
  }

  @Test
  void a_teacher_cache_that_makes_no_sense_is_refused() throws IOException {
    Path cache = folder.resolve("teacher");
    assertRefused(
        distill("--teacher-cache", cache, "--loss", "ce"), UNUSABLE, "--teacher-cache", "'ce'");
    assertRefused(
        distill("--teacher-cache", cache, "--loss", "forward-kl,hidden"),
        UNUSABLE,
        "--teacher-cache",
        "every one");
    assertRefused(distill("--teacher-cache", out), UNUSABLE, "out.gguf is to be written twice");
    assertRefused(
        distill("--teacher-cache", folder.resolve("no/teacher")), UNUSABLE, "no/teacher", "create");
    assertFalse(Files.exists(cache));
    assertEnded(distill("--teacher-cache", data), UNUSABLE, "chats.jsonl is not a teacher cache");
    assertRefused(distill("--teacher-cache", folder), UNUSABLE, "regular file");
  }

  @Test
  void a_dry_run_says_what_it_would_take_and_writes_nothing() throws IOException {
    CommandLine planned = distill("--dry-run");
    assertDone(planned);
    assertFalse(Files.exists(out));
    assertTrue(planned.out().contains("blk.0.attn_q.weight"), planned.out());
    assertTrue(planned.out().contains("activations, kept"), planned.out());
    CommandLine json = distill("--dry-run", "--json", "--activations", "recomputed");
    assertDone(json);
    JsonNode plan = new JsonMapper().readTree(json.out());
    assertEquals("recomputed", plan.get("activations").asString());
    JsonNode memory = plan.get("memory");
    long sum = 0;
    for (JsonNode part : memory) {
      sum += part.asLong();
    }
    assertEquals(plan.get("memory_bytes").asLong(), sum);
    assertEquals(4L * 4_984_832, memory.get("gradients").asLong());
    assertFalse(plan.has("mend"));
    CommandLine done = distill("--json");
    assertDone(done);
    assertEquals(plan.get("file_bytes").asLong(), Files.size(out));
    assertEquals(Files.size(out), done.json().get("file_bytes").asLong());
    assertEquals(plan.get("steps").asInt(), done.json().get("steps").asInt());
    assertDone(distill("--dry-run"));
  }

  /// A context for which the attention alone takes more than any machine has.
  @Test
  void a_run_that_cannot_fit_says_so_before_it_starts() throws IOException {
    Files.writeString(data, "{\"text\": \"" + "one two three four five ".repeat(40_000) + "\"}\n");
    CommandLine huge =
        whittle(
            "distill",
            "-m",
            Demo.model(),
            "-f",
            data,
            "-o",
            out,
            "--type",
            "q2_k",
            "--run-dir",
            run,
            "-c",
            200_000);
    assertEnded(huge, FAILED, "GiB of memory", "--ctx-size");
    assertFalse(Files.exists(run));
    assertFalse(Files.exists(out));
  }

  @Test
  void refuses_what_makes_no_sense() throws IOException {
    String ask = "{\"messages\": [{\"role\": \"user\", \"content\": \"%s\"}], \"answer\": \"4\"}\n";
    Path questions = folder.resolve("questions.jsonl");
    Files.writeString(questions, ask.formatted("2 ".repeat(3000)));
    assertEnded(
        distill("--eval-data", questions), UNUSABLE, "questions.jsonl line 1 asks in", "2,048");
    Files.writeString(questions, ask.formatted("2 + 2?"));
    assertEnded(
        whittle(
            "distill",
            "-m",
            Demo.model(),
            "-f",
            questions,
            "-o",
            out,
            "--type",
            "q2_k",
            "--completion-only"),
        UNUSABLE,
        "'assistant'",
        "--completion-only");
    assertRefused(distill("--loss", "kl"), UNUSABLE, "'kl'", "forward-kl");
    assertRefused(distill("--loss", "jsd:1..a"), UNUSABLE, "'jsd'", "'1..a'", "1..0@0.5");
    assertRefused(distill("--loss", "ce", "--token-weights", "entropy"), UNUSABLE, "'ce'");
    assertRefused(distill("--lr", -1), UNUSABLE, "learning rate");
    assertRefused(distill("--resume"), UNUSABLE, "--run-dir");
    assertRefused(distill("--resume", "--run-dir", run), UNUSABLE, "holds no run");
    assertRefused(distill("--run-dir", data), UNUSABLE, "is not a folder");
    Files.createDirectories(run);
    Files.writeString(run.resolve("recipe.yaml"), "lr: 1.0\n");
    assertRefused(distill("--run-dir", run), UNUSABLE, "holds a run already");
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
  void a_run_that_diverges_fails() {
    assertEnded(distill("--lr", 1e30), FAILED, "diverged", "lower learning rate");
    assertFalse(Files.exists(out));
  }

  @Test
  void a_start_that_is_no_model_is_refused() {
    String start = folder.resolve("no").toString();
    assertRefused(distillFrom(start), UNUSABLE, "--init", "'" + start + "'");
  }
}
