package dev.whittle.distillation;

import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.evaluation.BoxedAnswerGrader;
import dev.whittle.evaluation.TaskEvaluation;
import dev.whittle.evaluation.TaskReport;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.gguf.GgufFile;
import dev.whittle.model.BatchShape;
import dev.whittle.rollout.ModelInTraining;
import dev.whittle.training.RunDirectory;
import dev.whittle.training.TrainedWeights;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The evaluations of a run, and the model of the best of them.
final class Evaluations implements AutoCloseable {
  private final EvaluationSettings settings;
  private final List<PackedBatch> held;
  private final @Nullable TaskEvaluation tasks;
  private final @Nullable ModelInTraining model;
  private final BestModel best;

  /// @param corpus that documents are held out from
  /// @param shape of the run's micro-batches
  /// @param source what the student's metadata are taken from; must stay open
  /// @param run of which the metrics up to where it stands are taken over; null for none
  /// @throws IOException if they cannot be read, or there is no room for files
  Evaluations(
      EvaluationSettings settings,
      TokenizedCorpus corpus,
      BatchShape shape,
      GgufFile source,
      FileType type,
      Inference inference,
      @Nullable RunDirectory run)
      throws IOException {
    this.settings = settings;
    HeldOut heldOut = settings.heldOut();
    held = heldOut == null ? List.of() : PackedBatches.once(corpus, heldOut.of(corpus), shape);
    TaskQuestions questions = settings.questions();
    tasks =
        questions == null
            ? null
            : new TaskEvaluation(
                inference.generation(questions.maxNewTokens()), new BoxedAnswerGrader());
    best = new BestModel(settings, run);
    model = questions == null ? null : new ModelInTraining(source, type, inference.model());
  }

  /// Whether there is one behind a step.
  boolean isDue(int step, boolean last) {
    return last || step % settings.steps() == 0;
  }

  /// Evaluates the blocks as they are.
  ///
  /// @param metrics is given what was found
  /// @param writer is asked for the model if it is the best so far
  /// @throws IOException if a file cannot be written
  Evaluation run(
      int step,
      Distillation distillation,
      TrainedWeights weights,
      Map<String, Object> metrics,
      BestModel.Writer writer)
      throws IOException {
    Double loss = null;
    if (!held.isEmpty()) {
      loss = distillation.evaluate(held);
      metrics.put(BestModel.LOSS, loss);
    }
    Double accuracy = null;
    if (tasks != null && model != null && settings.questions() != null) {
      try (LlamaModel loaded = model.load(weights)) {
        TaskQuestions asked = settings.questions();
        TaskReport report = tasks.run(loaded, asked.dataset(), asked.limit(), reply -> {});
        accuracy = report.accuracy();
        metrics.put(BestModel.ACCURACY, accuracy);
        report
            .accuracyByDomain()
            .forEach((domain, share) -> metrics.put(BestModel.ACCURACY + "_" + domain, share));
      }
    }
    Evaluation evaluation = new Evaluation(step, loss, accuracy);
    best.offer(evaluation, writer);
    return evaluation;
  }

  /// Whether there was no better one for so long that training should end.
  boolean areFruitless() {
    return settings.patience() > 0 && best.fruitless() >= settings.patience();
  }

  /// The best step, whose model is to be shipped.
  BestModel best() {
    return best;
  }

  @Override
  public void close() {
    if (model != null) {
      model.close();
    }
    best.close();
  }
}
