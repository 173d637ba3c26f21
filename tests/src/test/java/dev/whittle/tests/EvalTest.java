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
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class EvalTest {
  private static final Path MODEL = Demo.model();

  @TempDir Path folder;

  @Test
  void grades_by_domain() {
    CommandLine run = whittle("eval", "-m", MODEL, "-f", Demo.QUESTIONS, "--limit", 24, "-t", 1);
    assertDone(run);
    assertTrue(run.out().contains("of 24 questions"), run.out());
    assertTrue(run.out().contains("  math"), run.out());
  }

  @Test
  void gives_json_alone_as_the_contract_has_it() throws IOException {
    CommandLine run =
        whittle(
            "eval",
            "-m",
            MODEL,
            "-f",
            Demo.QUESTIONS,
            "--limit",
            12,
            "--teacher",
            MODEL,
            "--json",
            "-t",
            1);
    assertDone(run);
    JsonNode json = run.json();
    assertEquals(
        List.of(
            "model",
            "file_bytes",
            "bits_per_weight",
            "n",
            "accuracy",
            "accuracy_by_domain",
            "mean_tokens",
            "truncated_rate",
            "tokens_per_second",
            "kl"),
        List.copyOf(json.propertyNames()));
    assertEquals(Files.size(MODEL), json.get("file_bytes").longValue());
    assertEquals(12, json.get("n").intValue());
    // The model answers nearly all of the questions, and is its own teacher here.
    assertTrue(json.get("accuracy").doubleValue() >= 10.0 / 12);
    assertEquals(0, json.at("/kl/mean_kld").doubleValue(), 1e-6);
    assertEquals(1, json.at("/kl/same_top_p").doubleValue());
    assertEquals(json.at("/kl/ppl_base").doubleValue(), json.at("/kl/ppl").doubleValue(), 1e-6);
  }

  @Test
  void without_a_teacher_there_is_no_divergence() {
    JsonNode json =
        whittle("eval", "-m", MODEL, "-f", Demo.QUESTIONS, "--limit", 4, "--json", "-t", 1).json();
    assertFalse(json.has("kl"));
  }

  @Test
  void compares_alone_where_there_is_nothing_to_grade_by() throws IOException {
    Path chats = folder.resolve("chats.jsonl");
    Files.writeString(
        chats,
        """
        {"messages": [{"role": "user", "content": "What is 2 + 3?"}, {"role": "assistant", "content": "5."}]}
        {"messages": [{"role": "user", "content": "What is 2 + 4?"}, {"role": "assistant", "content": "6."}]}
        """);
    CommandLine run =
        whittle("eval", "-m", MODEL, "-f", chats, "--teacher", MODEL, "--json", "-t", 1);
    assertDone(run);
    assertTrue(run.err().contains("chats.jsonl has no answers"), run.err());
    JsonNode json = run.json();
    assertEquals(
        List.of("model", "file_bytes", "bits_per_weight", "n", "kl"),
        List.copyOf(json.propertyNames()));
    assertEquals(0, json.get("n").intValue());
    assertEquals(0, json.at("/kl/mean_kld").doubleValue(), 1e-6);
    assertRefused(whittle("eval", "-m", MODEL, "-f", chats), UNUSABLE, "line 1", "'answer'");
  }

  @Test
  void a_coarse_cache_moves_the_student_away_from_its_own_teacher() {
    JsonNode json =
        whittle(
                "eval",
                "-m",
                MODEL,
                "-f",
                Demo.QUESTIONS,
                "--limit",
                4,
                "--teacher",
                MODEL,
                "-ctk",
                "q4_0",
                "-ctv",
                "q4_0",
                "-c",
                256,
                "--json",
                "-t",
                1)
            .json();
    assertTrue(json.at("/kl/mean_kld").doubleValue() > 1e-6);
  }

  @Test
  void refuses_what_it_cannot_use() throws IOException {
    Path unanswered = Files.writeString(folder.resolve("data.jsonl"), "{\"text\": \"a b\"}\n");
    assertRefused(
        whittle("eval", "-m", MODEL, "-f", unanswered), UNUSABLE, "data.jsonl line 1", "answer");
    assertRefused(whittle("eval", "-m", MODEL, "-f", folder.resolve("none")), UNUSABLE, "none");
    assertRefused(
        whittle("eval", "-m", MODEL, "-f", unanswered, "--teacher", folder.resolve("no.gguf")),
        UNUSABLE,
        "no.gguf does not exist");
    assertRefused(
        whittle("eval", "-m", MODEL, "-f", Demo.QUESTIONS, "--limit", 0), UNUSABLE, "--limit");
    assertRefused(whittle("eval", "-f", Demo.QUESTIONS), UNUSABLE, "--model");
    assertRefused(
        whittle("eval", "-m", MODEL, "-f", Demo.QUESTIONS, "-c", 4, "-t", 1),
        UNUSABLE,
        "test.jsonl line 1",
        "(-c)");
  }
}
