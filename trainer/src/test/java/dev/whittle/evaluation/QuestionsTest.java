package dev.whittle.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.DataException;
import dev.whittle.data.Dataset;
import dev.whittle.data.Example;
import dev.whittle.testing.DemoModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuestionsTest {
  private static final Dataset DEMO = new Dataset(DemoModel.QUESTIONS);

  @TempDir Path folder;

  private static Map<String, Long> countByDomain(List<Example> questions) {
    return questions.stream()
        .collect(Collectors.groupingBy(Questions::domain, Collectors.counting()));
  }

  @Test
  void aLimitKeepsTheSharesOfTheDomains() {
    // 400, 200, 100 and 500 of 1,200.
    List<Example> questions = Questions.read(DEMO, 48);
    assertEquals(
        Map.of("math", 16L, "code", 8L, "prose", 4L, "facts", 20L), countByDomain(questions));
    assertEquals(questions, Questions.read(DEMO, 48));
  }

  @Test
  void whatTheSharesLeaveOverGoesToTheGreatestRemainders() {
    // The shares of 5 are 1.67, 0.83, 0.42 and 2.08.
    assertEquals(
        Map.of("math", 2L, "code", 1L, "facts", 2L), countByDomain(Questions.read(DEMO, 5)));
  }

  @Test
  void theQuestionsAreSpreadOverTheDataSet() {
    List<Long> lines = Questions.read(DEMO, 12).stream().map(Example::line).toList();
    assertEquals(lines.stream().sorted().toList(), lines);
    List<Long> math = lines.stream().filter(line -> line <= 400).toList();
    assertEquals(List.of(51L, 151L, 251L, 351L), math);
  }

  @Test
  void withoutALimitAllAreAsked() {
    assertEquals(1200, Questions.read(DEMO, 0).size());
    assertEquals(1200, Questions.read(DEMO, 5000).size());
  }

  @Test
  void anEmptyAnswerIsAnError() throws IOException {
    String message =
        refusal("{\"messages\": [{\"role\": \"user\", \"content\": \"Why?\"}], \"answer\": \" \"}");
    assertTrue(message.contains("data.jsonl line 1 has an empty field 'answer'"), message);
  }

  @Test
  void aQuestionWithoutAnAnswerIsAnError() throws IOException {
    String message = refusal("{\"messages\": [{\"role\": \"user\", \"content\": \"Why?\"}]}");
    assertTrue(message.contains("data.jsonl line 1 has no field 'answer'"), message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"messages\": [{\"role\": \"assistant\", \"content\": \"4\"}], \"answer\": \"4\"}",
        "{\"prompt\": \"\", \"completion\": \"4\", \"answer\": \"4\"}",
        "{\"text\": \"4\", \"answer\": \"4\"}",
      })
  void whatAsksForNoReplyIsAnError(String line) throws IOException {
    String message = refusal(line);
    assertTrue(message.contains("data.jsonl line 1 asks for no reply"), message);
  }

  private String refusal(String line) throws IOException {
    Path file = Files.writeString(folder.resolve("data.jsonl"), line);
    Dataset dataset = new Dataset(file);
    return assertThrows(DataException.class, () -> Questions.read(dataset, 0)).getMessage();
  }
}
