package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.assertDone;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoTest {
  @Test
  void goes_from_a_checkpoint_to_a_reply(@TempDir Path folder) {
    CommandLine run = whittle("demo", "-o", folder, "--steps", 2, "--limit", 8);
    assertDone(run);
    for (String command : new String[] {"import", "quantize", "distill", "verify", "eval", "run"}) {
      assertTrue(run.err().contains("$ whittle " + command), command + " in " + run.err());
    }
    assertTrue(run.out().contains("bits a weight"), run.out());
    assertTrue(run.out().contains("reasoner-5m-trained.gguf"), run.out());
  }
}
