package dev.whittle.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class TemporaryFolderTest {

  @Test
  void itGoesWithItsFiles() throws IOException {
    Path file;
    try (TemporaryFolder folder = TemporaryFolder.create()) {
      file = Files.writeString(folder.resolve("model.gguf"), "weights");
      assertTrue(Files.exists(file));
    }
    assertFalse(Files.exists(file.getParent()));
  }

  /// A process that works with a folder until it is told to end.
  static final class Worker {
    private Worker() {}

    public static void main(String[] arguments) throws IOException {
      try (TemporaryFolder folder = TemporaryFolder.create()) {
        System.out.println(Files.writeString(folder.resolve("model.gguf"), "weights"));
        System.in.read();
      }
    }
  }

  @Test
  void itGoesWithAProcessThatIsToldToEnd() throws Exception {
    Process worker =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Worker.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader output = worker.inputReader()) {
      Path file = Path.of(output.readLine());
      assertEquals("weights", Files.readString(file));
      // Unlike that of the process, this leaves its input open, whose end would end it too.
      worker.toHandle().destroy();
      assertNotEquals(0, worker.waitFor());
      assertFalse(Files.exists(file.getParent()));
    }
  }
}
