package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `chat` where standard input is no terminal.
class ChatTest {
  private static final Path MODEL = Demo.model();
  private static final InputStream STANDARD = System.in;

  @AfterEach
  void restore() {
    System.setIn(STANDARD);
  }

  private static CommandLine chat(String lines, Object... more) {
    System.setIn(new ByteArrayInputStream(lines.getBytes(StandardCharsets.UTF_8)));
    List<Object> arguments = new ArrayList<>(List.of("chat", "-m", MODEL, "-t", 1));
    arguments.addAll(List.of(more));
    return whittle(arguments.toArray());
  }

  @Test
  void replies_to_each_line() {
    CommandLine run = chat("What is 1901 + 510?\n\nWhat is 2 + 3?\n");
    assertDone(run);
    assertTrue(run.out().contains("\\boxed{2411}\n"), run.out());
    assertTrue(run.out().endsWith("}\n"), run.out());
    assertFalse(run.out().contains("\u001b"), run.out());
    assertEquals("", run.err());
  }

  /// A second question in the same chat is read behind the first, which leaves no room for the
  /// whole reply; in a new one it is not.
  @Test
  void a_new_chat_knows_nothing_of_the_last() {
    String question = "What is 1901 + 510?\n";
    String first = chat(question, "-c", 100).out();
    assertNotEquals(first + first, chat(question + question, "-c", 100).out());
    assertEquals(first + first, chat(question + "/clear\n" + question, "-c", 100).out());
    assertEquals(first, chat(question + "/exit\n" + question, "-c", 100).out());
  }

  @Test
  void refuses_what_makes_no_sense(@TempDir Path folder) throws Exception {
    assertRefused(chat("x", "-c", 4), UNUSABLE, "--ctx-size");
    assertRefused(chat("x", "--temp", -1), UNUSABLE, "temperature");
    Path sample = SampleModel.write(folder.resolve("sample.gguf"));
    assertRefused(whittle("chat", "-m", sample), UNUSABLE, "sample.gguf");
  }
}
