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

  /// The run ended with this code, printed no result, and said why in one line that holds all of
  /// these words.
  static void assertRefused(CommandLine run, int exitCode, String... words) {
    assertAll(
        run.arguments().toString(),
        () -> assertEquals(exitCode, run.exitCode(), "exit code; it said " + run.err()),
        () -> assertEquals("", run.out(), "standard output"),
        () -> assertEquals(1, run.err().lines().count(), () -> "lines of: " + run.err()),
        () -> assertTrue(run.err().startsWith("error: "), run.err()),
        () -> {
          for (String word : words) {
            assertTrue(run.err().contains(word), () -> "'" + word + "' in: " + run.err());
          }
        });
  }
}
