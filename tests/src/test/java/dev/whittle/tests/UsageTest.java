package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.NativeRuntime;
import org.junit.jupiter.api.Test;

/// What holds for the command line as a whole.
class UsageTest {

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
}
