package dev.whittle.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.DataException;
import dev.whittle.data.Dataset;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.testing.DemoModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class TaskEvaluationTest {
  @Test
  void theModelAnswersTheQuestionsThatItWasTrainedFor() {
    List<GradedReply> graded = new ArrayList<>();
    TaskEvaluation evaluation =
        new TaskEvaluation(GenerationOptions.greedy(300).withThreads(1), new BoxedAnswerGrader());
    TaskReport report;
    try (LlamaModel model = DemoModel.load()) {
      report = evaluation.run(model, new Dataset(DemoModel.QUESTIONS), 48, graded::add);
    }
    // It has 0.984 of all 1,200 right.
    assertTrue(report.accuracy() >= 0.95, report.toString());
    assertEquals(48, report.questions());
    assertEquals(48, graded.size());
    assertEquals(
        report.accuracy(), graded.stream().filter(GradedReply::right).count() / 48.0, 1e-12);
    assertEquals(Set.of("math", "code", "prose", "facts"), report.accuracyByDomain().keySet());
    assertEquals(0, report.truncatedRate());
    assertTrue(report.meanTokens() > 10 && report.meanTokens() < 100, report.toString());
    assertTrue(graded.stream().noneMatch(reply -> reply.reply().contains("<|im_end|>")));
  }

  /// A context for all of it, times the sequences, would take more memory than there is.
  @Test
  void aQuestionLongerThanTheModelWasTrainedForIsAnErrorThatNamesItsLine(@TempDir Path folder)
      throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("data.jsonl"),
            "{\"prompt\": \"%s\", \"answer\": \"4\"}\n{\"prompt\": \"2+2=\", \"answer\": \"4\"}\n"
                .formatted("2 ".repeat(3000)));
    TaskEvaluation evaluation = TaskEvaluation.boxed(Integer.MAX_VALUE);
    try (LlamaModel model = DemoModel.load()) {
      String message =
          assertThrows(
                  DataException.class,
                  () -> evaluation.run(model, new Dataset(file), 0, reply -> {}))
              .getMessage();
      assertTrue(message.startsWith(file + " line 1 asks in "), message);
      assertTrue(message.contains("a context of 2,048; shorten it"), message);
      // The second one alone fits, however long its reply may be.
      assertEquals(1, evaluation.run(model, new Dataset(file), 1, reply -> {}).questions());
    }
  }

  @Test
  void theReportIsWrittenAsTheCommandLinePromises() {
    TaskReport task = new TaskReport(2, 0.5, new TreeMap<>(Map.of("math", 0.5)), 9, 0, 7);
    DivergenceReport divergence = new DivergenceReport(10, 2.5, 2.25, 0.125, 0.1, 1, 0.75);
    Path file = Path.of("m.gguf");
    JsonMapper json = JsonMapper.shared();
    JsonNode alone = json.valueToTree(EvaluationReport.of(file, 100, 2.5, task, null, null));
    JsonNode compared =
        json.valueToTree(EvaluationReport.of(file, 100, 2.5, task, null, divergence));
    assertEquals(
        json.readTree(
                """
                {"model": "m.gguf", "file_bytes": 100, "bits_per_weight": 2.5, "n": 2,
                 "accuracy": 0.5, "accuracy_by_domain": {"math": 0.5}, "mean_tokens": 9.0,
                 "truncated_rate": 0.0, "tokens_per_second": 7.0}
                """)
            .toString(),
        json.readTree(alone.toString()).toString());
    assertEquals(
        "{\"mean_kld\":0.125,\"same_top_p\":0.75,\"ppl\":2.5,\"ppl_base\":2.25}",
        compared.get("kl").toString());
  }
}
