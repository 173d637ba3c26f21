package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.FAILED;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertRefused;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class VerifyTest {
  @Test
  void a_file_that_was_not_trained_proves_nothing() {
    assertRefused(whittle("verify", Demo.model()), FAILED, "was not trained by Whittle");
    assertRefused(
        whittle("verify", Demo.model(), "--run-dir", Path.of("none")), UNUSABLE, "holds no run");
    assertRefused(whittle("verify", Path.of("none.gguf")), UNUSABLE, "does not exist");
  }
}
