package dev.whittle.cli;

import dev.whittle.data.Dataset;
import dev.whittle.evaluation.BoxedAnswerGrader;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.evaluation.GradedReply;
import dev.whittle.evaluation.TaskEvaluation;
import dev.whittle.evaluation.TaskReport;
import dev.whittle.ggml.LlamaModel;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/// Asks a model questions while telling how it goes.
///
/// @param limit how many questions to ask; 0 for all
record Grading(Terminal terminal, GenerationOptions options, int limit) {
  /// Long enough for any answer of the bundled model, and short enough to end a reply that goes in
  /// circles.
  static final int DEFAULT_TOKENS = 300;

  TaskReport grade(LlamaModel model, Dataset dataset) {
    return grade(model, dataset, reply -> {});
  }

  /// @param graded is given every reply
  TaskReport grade(LlamaModel model, Dataset dataset, Consumer<GradedReply> graded) {
    long questions = dataset.count();
    long asked = limit == 0 ? questions : Math.min(limit, questions);
    AtomicInteger done = new AtomicInteger();
    AtomicInteger right = new AtomicInteger();
    try (Progress progress = new Progress(terminal, "eval", "questions")) {
      return new TaskEvaluation(options, new BoxedAnswerGrader())
          .run(
              model,
              dataset,
              limit,
              reply -> {
                graded.accept(reply);
                int count = done.incrementAndGet();
                int correct = reply.right() ? right.incrementAndGet() : right.get();
                progress.update(count, asked, "accuracy %.3f".formatted((double) correct / count));
              });
    }
  }
}
