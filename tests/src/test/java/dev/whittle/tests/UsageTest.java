package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.NativeRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What holds for the command line as a whole.
class UsageTest {
  @TempDir Path folder;

  @Test
  void version_names_whittle_ggml_and_llama_cpp() {
    CommandLine run = whittle("--version");
    assertDone(run);
    assertTrue(run.out().matches("(?s)whittle \\d+\\.\\d+\\.\\d+.*"), run.out());
    assertTrue(run.out().contains("ggml " + NativeRuntime.PINNED_GGML_VERSION), run.out());
    assertTrue(run.out().contains("llama.cpp " + NativeRuntime.PINNED_LLAMA_VERSION), run.out());
  }

  @Test
  void help_goes_to_standard_output() {
    for (String option : new String[] {"-h", "--help"}) {
      CommandLine run = whittle("inspect", option);
      assertDone(run);
      assertTrue(run.out().startsWith("Usage: whittle inspect"), run.out());
      assertEquals("", run.err());
    }
  }

  @Test
  void a_command_is_needed() {
    assertRefused(whittle(), UNUSABLE, "a command is missing", "whittle --help");
  }

  @Test
  void unknown_words_get_a_suggestion() {
    assertRefused(
        whittle("inspct"), UNUSABLE, "unknown command 'inspct'", "did you mean 'inspect'?");
    assertRefused(
        whittle("inspect", "--jsn", "x"),
        UNUSABLE,
        "unknown option '--jsn'",
        "did you mean '--json'?",
        "'whittle inspect --help'");
    assertRefused(whittle("inspect", "one", "two"), UNUSABLE, "unexpected argument 'two'");
  }

  @Test
  void a_missing_argument_is_named() {
    assertRefused(whittle("inspect"), UNUSABLE, "MODEL", "'whittle inspect --help'");
  }

  @Test
  void a_stack_trace_is_shown_when_asked_for_only() {
    CommandLine run = whittle("inspect", "missing.gguf", "--stacktrace");
    assertEquals(UNUSABLE, run.exitCode());
    assertTrue(run.err().contains("\tat dev.whittle."), run.err());
    assertRefused(whittle("inspect", "missing.gguf"), UNUSABLE, "missing.gguf does not exist");
  }

  @Test
  void words_that_are_like_no_other_get_no_suggestion() {
    assertRefused(whittle("frobnicate"), UNUSABLE, "unknown command 'frobnicate'.");
    assertRefused(whittle("quantize", "a", "b", "--dry"), UNUSABLE, "did you mean '--dry-run'?");
  }

  @Test
  void values_are_named_as_one_types_them() {
    assertRefused(whittle("bench", "walking"), UNUSABLE, "'walking' is none of train, quantize");
    assertRefused(whittle("grpo", "--lr", "NaN"), UNUSABLE, "--lr", "'NaN' is not a number");
    assertRefused(whittle("grpo", "-s", "1.5"), UNUSABLE, "--seed", "not a whole number");
    assertRefused(whittle("eval", "--limit", "9999999999"), UNUSABLE, "--limit", "2147483647");
    CommandLine help = whittle("grpo", "--help");
    assertDone(help);
    for (String value : List.of("decoded by default", "5e-5 by default", "normalized (GRPO)")) {
      assertTrue(help.out().replaceAll("\\s+", " ").contains(value), value);
    }
    assertFalse(help.out().contains("DECODED"), help.out());
  }

  @Test
  void options_of_all_commands_come_last() {
    String help = whittle("quantize", "--help").out();
    int options = help.indexOf("  IN ");
    assertTrue(help.indexOf("--method=METHOD", options) < help.indexOf("--transform=", options));
    assertTrue(help.indexOf("--threads=N", options) < help.indexOf("--help ", options));
  }

  @Test
  void an_output_may_not_be_an_input() throws IOException {
    Path model = Files.copy(Demo.model(), folder.resolve("model.gguf"));
    Path data = Files.copy(Demo.QUESTIONS, folder.resolve("data.jsonl"));
    Path link = Files.createSymbolicLink(folder.resolve("link.gguf"), model);
    List<List<Object>> destructive =
        List.of(
            List.of("quantize", model, model, "q2_k"),
            List.of("quantize", model, link, "q2_k"),
            List.of("simulate", model, model, "mxfp4"),
            List.of("imatrix", "-m", model, "-f", data, "-o", data),
            List.of("distill", "-m", model, "-f", data, "--type", "q2_k", "-o", model),
            List.of("distill", "-m", model, "-f", data, "--type", "q2_k", "-o", data),
            List.of("grpo", "-m", model, "-f", data, "--type", "q2_k", "-o", model),
            List.of("synthesize", "-m", model, "-f", data, "-o", data),
            List.of("eval", "-m", model, "-f", data, "-o", model),
            List.of("eval", "-m", model, "-f", data, "--replies", data),
            List.of("export", "-m", model, "-o", model));
    for (List<Object> arguments : destructive) {
      List<Object> forced = new ArrayList<>(arguments);
      forced.add("--force");
      assertRefused(whittle(forced.toArray()), UNUSABLE, "the command reads that file");
    }
    assertEquals(-1, Files.mismatch(Demo.model(), model));
    assertEquals(-1, Files.mismatch(Demo.QUESTIONS, data));
    Path twice = folder.resolve("twice.json");
    assertRefused(
        whittle("eval", "-m", model, "-f", data, "-o", twice, "--replies", twice),
        UNUSABLE,
        "twice.json is to be written twice");
  }
}
