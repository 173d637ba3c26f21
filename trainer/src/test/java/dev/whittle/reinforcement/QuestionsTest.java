package dev.whittle.reinforcement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.DataException;
import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.testing.DemoModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QuestionsTest {
  private static final String QUESTION =
      "{\"prompt\": \"What is 1+1?\", \"completion\": \"\", \"answer\": \"2\"}\n";
  private static final String NO_ANSWER =
      "{\"prompt\": \"How are you?\", \"completion\": \"Fine.\"}\n";
  private static final String TEXT = "{\"text\": \"1+1=2\", \"answer\": \"2\"}\n";

  @TempDir private Path folder;
  private final List<String> warnings = new ArrayList<>();

  private Questions read(String lines, int longest) throws IOException {
    Path file = Files.writeString(folder.resolve("data.jsonl"), lines);
    try (LlamaModel model = DemoModel.loadVocabulary()) {
      return Questions.read(
          new Dataset(file), new DocumentTokenizer(model), longest, 1, warnings::add);
    }
  }

  @Test
  void allExamplesWithAnAnswerAreQuestions() throws IOException {
    assertEquals(2, read(QUESTION + QUESTION, 100).size());
    assertEquals(List.of(), warnings);
  }

  @Test
  void whatHasNoAnswerIsLeftOutWithAWarning() throws IOException {
    assertEquals(1, read(NO_ANSWER + QUESTION + TEXT, 100).size());
    assertEquals(1, warnings.size());
    assertTrue(warnings.getFirst().startsWith("2 of 3 examples of "), warnings::toString);
  }

  @Test
  void dataWithoutQuestionsAreRefused() {
    String message =
        assertThrows(DataException.class, () -> read(NO_ANSWER + TEXT, 100)).getMessage();
    assertTrue(message.contains("data.jsonl has no chat or prompt with a field 'answer'"), message);
  }

  @Test
  void aQuestionThatIsTooLongIsRefused() {
    String message =
        assertThrows(DataException.class, () -> read(NO_ANSWER + QUESTION, 3)).getMessage();
    assertTrue(message.contains("data.jsonl line 2 has "), message);
  }
}
