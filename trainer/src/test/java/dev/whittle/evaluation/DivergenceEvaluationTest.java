package dev.whittle.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.CorpusLimits;
import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.evaluation.DivergenceEvaluation.Scope;
import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.ggml.ModelQuantizer;
import dev.whittle.testing.DemoModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DivergenceEvaluationTest {
  @TempDir static Path folder;

  private static LlamaModel teacher;
  private static TokenizedCorpus corpus;

  @BeforeAll
  static void load() {
    teacher = DemoModel.load();
    corpus =
        TokenizedCorpus.read(
            new Dataset(DemoModel.CHATS),
            new DocumentTokenizer(teacher),
            CorpusLimits.ofContext(1024).withDocuments(20, 1));
  }

  @AfterAll
  static void close() {
    teacher.close();
  }

  private static DivergenceReport compare(LlamaModel student, Scope scope) {
    return new DivergenceEvaluation(scope, 1, AttentionOptions.defaults())
        .run(student, teacher, corpus, done -> {});
  }

  @Test
  void aModelDoesNotDivergeFromItself() {
    DivergenceReport report = compare(teacher, Scope.COMPLETION);
    assertEquals(corpus.completionTokens(), report.tokens());
    assertEquals(0, report.mean());
    assertEquals(0, report.percentile99());
    assertEquals(1, report.sameTopToken());
    assertEquals(report.teacherPerplexity(), report.perplexity());
    // It has seen much of the like: the replies hold few surprises.
    assertTrue(report.perplexity() > 1 && report.perplexity() < 1.5, report.toString());
  }

  @Test
  void allTokensAreMoreAndHarder() {
    DivergenceReport all = compare(teacher, Scope.ALL);
    assertEquals(corpus.tokens() - corpus.size(), all.tokens());
    assertTrue(all.perplexity() > compare(teacher, Scope.COMPLETION).perplexity());
  }

  @Test
  void fewerBitsDivergeMore() {
    DivergenceReport eight = quantized(FileType.Q8_0);
    DivergenceReport two = quantized(FileType.Q2_K);
    assertTrue(eight.mean() > 0 && eight.mean() < 0.01, eight.toString());
    assertTrue(two.mean() > 10 * eight.mean(), two.toString());
    assertTrue(two.median() < two.mean() && two.mean() < two.percentile99(), two.toString());
    assertTrue(two.sameTopToken() < eight.sameTopToken(), two.toString());
    assertTrue(two.perplexity() > two.teacherPerplexity(), two.toString());
  }

  private static DivergenceReport quantized(FileType type) {
    Path file = folder.resolve(type + ".gguf");
    ModelQuantizer.of(type).withThreads(1).quantize(teacher.path(), file);
    try (LlamaModel student = LlamaModel.load(file, LlamaModelOptions.defaults())) {
      return compare(student, Scope.COMPLETION);
    }
  }

  @Test
  void theNumberOfWorkersDoesNotMatter() {
    List<Integer> done = new ArrayList<>();
    AtomicInteger telling = new AtomicInteger();
    Path file = folder.resolve("workers.gguf");
    ModelQuantizer.of(FileType.Q2_K).withThreads(1).quantize(teacher.path(), file);
    try (LlamaModel student = LlamaModel.load(file, LlamaModelOptions.defaults())) {
      DivergenceReport one = compare(student, Scope.ALL);
      DivergenceReport two =
          new DivergenceEvaluation(Scope.ALL, 2, AttentionOptions.defaults())
              .run(
                  student,
                  teacher,
                  corpus,
                  count -> {
                    // One worker at a time, however long it takes.
                    assertEquals(1, telling.incrementAndGet());
                    LockSupport.parkNanos(50_000_000);
                    done.add(count);
                    telling.decrementAndGet();
                  });
      assertEquals(one, two);
    }
    assertEquals(IntStream.rangeClosed(1, corpus.size()).boxed().toList(), done);
  }

  @Test
  void dataWithNothingToProduceIsRefused() {
    int[] tokens = {5, 6, 7};
    TokenizedCorpus given =
        TokenizedCorpus.of(List.of(new TokenizedDocument(tokens, new BitSet())));
    DivergenceEvaluation evaluation =
        new DivergenceEvaluation(Scope.COMPLETION, 1, AttentionOptions.defaults());
    assertThrows(
        IllegalArgumentException.class, () -> evaluation.run(teacher, teacher, given, done -> {}));
  }

  @Test
  void theStatisticsAreThoseOfTheirFormulas() {
    // softmax(0, ln 3) = (1/4, 3/4); softmax(0, 0) = (1/2, 1/2).
    DivergenceStatistics statistics = new DivergenceStatistics();
    float log3 = (float) Math.log(3);
    statistics.add(new float[] {0, 0}, new float[] {0, log3}, 1);
    statistics.add(new float[] {log3, 0}, new float[] {0, log3}, 0);
    DivergenceReport report = statistics.report();
    double first = 0.25 * Math.log(0.5) + 0.75 * Math.log(1.5);
    double second = 0.25 * Math.log(1.0 / 3) + 0.75 * Math.log(3);
    assertEquals((first + second) / 2, report.mean(), 1e-6);
    assertEquals((first + second) / 2, report.median(), 1e-6);
    assertEquals(0, report.sameTopToken());
    assertEquals(Math.exp(-(Math.log(0.5) + Math.log(0.75)) / 2), report.perplexity(), 1e-6);
    assertEquals(
        Math.exp(-(Math.log(0.75) + Math.log(0.25)) / 2), report.teacherPerplexity(), 1e-6);
  }
}
