package dev.whittle.tests;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/// What the contract of the command line promises of every run.
final class Expectations {
  /// Wrong usage or unusable input.
  static final int UNUSABLE = 2;

  /// The work failed.
  static final int FAILED = 1;

  private Expectations() {}

  /// The run did what it should.
  static void assertDone(CommandLine run) {
    assertEquals(0, run.exitCode(), () -> run.arguments() + " said " + run.err());
  }

  /// The run said nothing but why it ended with this code, as [#assertEnded] has it.
  static void assertRefused(CommandLine run, int exitCode, String... words) {
    assertEquals(1, run.err().lines().count(), () -> "lines of: " + run.err());
    assertEnded(run, exitCode, words);
  }

  /// The run ended with this code, printed no result, and said why in one last line that holds all
  /// of these words.
  static void assertEnded(CommandLine run, int exitCode, String... words) {
    String reason = run.err().lines().reduce("", (before, line) -> line);
    assertAll(
        run.arguments().toString(),
        () -> assertEquals(exitCode, run.exitCode(), "exit code; it said " + run.err()),
        () -> assertEquals("", run.out(), "standard output"),
        () -> assertTrue(reason.startsWith("error: "), run.err()),
        () -> {
          for (String word : words) {
            assertTrue(reason.contains(word), () -> "'" + word + "' in: " + reason);
          }
        });
  }
}
