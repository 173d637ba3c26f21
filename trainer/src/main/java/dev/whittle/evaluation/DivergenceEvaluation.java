package dev.whittle.evaluation;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.Batch;
import dev.whittle.ggml.EvalCallback;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Vocabulary;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// Compares a student with its teacher token by token: both are given the same documents, and the
/// distributions that they have for the tokens to come are compared.
///
/// @param scope for which tokens
/// @param threads threads on the CPU
/// @param attention how the student computes attention, and the types of its cache; the teacher
///   does it in llama.cpp's own way
/// @param evalCallback sees what the student computes, from several threads at once
public record DivergenceEvaluation(
    Scope scope, int threads, AttentionOptions attention, @Nullable EvalCallback evalCallback) {
  /// An evaluation that nobody watches.
  public DivergenceEvaluation(Scope scope, int threads, AttentionOptions attention) {
    this(scope, threads, attention, null);
  }

  /// Which tokens count.
  public enum Scope {
    /// Those that the model is to produce.
    COMPLETION,
    /// All but a document's first, which nothing comes before.
    ALL
  }

  private static final int MOST_BATCH_TOKENS = 512;

  /// The most memory for one model's logits of a batch; with a large vocabulary batches are
  /// smaller.
  private static final int MOST_LOGITS_BYTES = 64 << 20;

  /// Evaluates the student on a corpus that was tokenized with the vocabulary of both.
  ///
  /// @param documentsDone is told how many documents are done, one at a time
  /// @throws IllegalArgumentException if the models' vocabularies differ, or the corpus has no
  ///   token in scope
  public DivergenceReport run(
      LlamaModel student, LlamaModel teacher, TokenizedCorpus corpus, IntConsumer documentsDone) {
    requireSameVocabulary(student, teacher);
    ContextWorkers workers = ContextWorkers.of(teacher, threads, corpus.size());
    LlamaContextOptions.Builder options = contextOptions(teacher, corpus, workers);
    LlamaContextOptions teacherOptions = options.build();
    LlamaContextOptions studentOptions =
        options.attention(attention).evalCallback(evalCallback).build();
    AtomicInteger next = new AtomicInteger();
    AtomicInteger done = new AtomicInteger();
    // Of each document, added up in their order: sums depend on the order in their last bits.
    DivergenceStatistics[] statistics = new DivergenceStatistics[corpus.size()];
    workers.run(worker -> {
      try (LlamaContext studentContext = student.newContext(studentOptions);
          LlamaContext teacherContext = teacher.newContext(teacherOptions)) {
        Comparison comparison = new Comparison(studentContext, teacherContext);
        for (int d = next.getAndIncrement(); d < corpus.size(); d = next.getAndIncrement()) {
          statistics[d] = comparison.compare(corpus, d);
          synchronized (done) {
            documentsDone.accept(done.incrementAndGet());
          }
        }
      }
    });
    DivergenceStatistics all = new DivergenceStatistics();
    for (DivergenceStatistics document : statistics) {
      all.add(document);
    }
    if (all.tokens() == 0) {
      throw new IllegalArgumentException(
          "the data has no token that the model is to produce; compare all tokens instead");
    }
    return all.report();
  }

  private static void requireSameVocabulary(LlamaModel student, LlamaModel teacher) {
    Vocabulary ours = student.vocabulary();
    Vocabulary theirs = teacher.vocabulary();
    if (ours.size() != theirs.size()) {
      throw new IllegalArgumentException(
          "%s has %d tokens and %s has %d; a teacher must have the student's vocabulary"
              .formatted(student.path(), ours.size(), teacher.path(), theirs.size()));
    }
    for (int token = 0; token < ours.size(); token++) {
      if (!ours.text(token).equals(theirs.text(token))) {
        throw new IllegalArgumentException(
            "token %d is '%s' in %s and '%s' in %s; a teacher must have the student's vocabulary"
                .formatted(
                    token, ours.text(token), student.path(), theirs.text(token), teacher.path()));
      }
    }
  }

  private static LlamaContextOptions.Builder contextOptions(
      LlamaModel model, TokenizedCorpus corpus, ContextWorkers workers) {
    int rowBytes = model.vocabulary().size() * Float.BYTES;
    int batch = Math.clamp(MOST_LOGITS_BYTES / rowBytes, 1, MOST_BATCH_TOKENS);
    return LlamaContextOptions.builder()
        .contextLength(corpus.longest())
        .batchSize(batch)
        .microBatchSize(batch)
        .threads(workers.threads());
  }

  /// One worker's comparison, document by document.
  private final class Comparison {
    private final LlamaContext student;
    private final LlamaContext teacher;
    private final Batch batch;
    private final float[] studentLogits;
    private final float[] teacherLogits;

    Comparison(LlamaContext student, LlamaContext teacher) {
      this.student = student;
      this.teacher = teacher;
      this.batch = new Batch(student.batchSize());
      int vocabulary = student.model().vocabulary().size();
      this.studentLogits = new float[vocabulary];
      this.teacherLogits = new float[vocabulary];
    }

    DivergenceStatistics compare(TokenizedCorpus corpus, int document) {
      DivergenceStatistics statistics = new DivergenceStatistics();
      student.clear();
      teacher.clear();
      // The last token is only a target.
      int inputs = corpus.length(document) - 1;
      for (int start = 0; start < inputs; start += batch.capacity()) {
        int end = Math.min(inputs, start + batch.capacity());
        batch.clear();
        for (int i = start; i < end; i++) {
          batch.add(corpus.token(document, i), i, 0, counts(corpus, document, i + 1));
        }
        student.decode(batch);
        teacher.decode(batch);
        for (int i = start; i < end; i++) {
          if (counts(corpus, document, i + 1)) {
            student.copyLogits(i - start, studentLogits);
            teacher.copyLogits(i - start, teacherLogits);
            statistics.add(studentLogits, teacherLogits, corpus.token(document, i + 1));
          }
        }
      }
      return statistics;
    }

    private boolean counts(TokenizedCorpus corpus, int document, int target) {
      return scope == Scope.ALL || corpus.isCompletion(document, target);
    }
  }
}
