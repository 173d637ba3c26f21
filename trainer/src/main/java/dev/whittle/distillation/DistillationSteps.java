package dev.whittle.distillation;

import dev.whittle.training.RunDirectory;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The steps of a [DistillationJob], with what is written and asked between them.
///
/// @param students what is trained
/// @param replies the text of steps on the student's own replies; null for none
/// @param evaluations how the best step is found; null for no evaluations
/// @param run where metrics and checkpoints go; null for nowhere
/// @param writer writes the model as it is
record DistillationSteps(
    DistillationRequest request,
    DistillationListener listener,
    Distillation distillation,
    StudentReplicas students,
    @Nullable StudentReplies replies,
    @Nullable Evaluations evaluations,
    @Nullable RunDirectory run,
    BestModel.Writer writer) {

  /// Trains to the end.
  ///
  /// @throws IOException if a file cannot be written
  /// @throws ArithmeticException if training diverges
  DistillationResult toTheEnd() throws IOException {
    StepReport first = null;
    StepReport last = null;
    long start = System.nanoTime();
    while (!distillation.isDone() && (evaluations == null || !evaluations.areFruitless())) {
      int number = distillation.progress().step() + 1;
      StudentReplies.Round round =
          replies != null && replies.areDue(number) ? replies.next(number, students.first()) : null;
      StepReport report =
          round == null ? distillation.step() : distillation.stepOn(round.batches());
      first = first == null ? report : first;
      // Losses of text and of replies do not compare.
      last = report.onPolicy() == first.onPolicy() ? report : last;
      Map<String, Object> metrics = metrics(report, round);
      if (distillation.isDone()) {
        // From here on the average is the student: it is evaluated, kept and shipped.
        students.swapAverage();
      }
      if (evaluations != null && evaluations.isDue(report.step(), distillation.isDone())) {
        listener.evaluated(evaluate(report.step(), evaluations, metrics));
      }
      boolean due =
          report.step() % request.checkpointSteps() == 0
              || distillation.isDone()
              || (evaluations != null && evaluations.areFruitless());
      if (due) {
        students.requireEqual();
      }
      if (run != null) {
        run.appendMetrics(metrics);
        if (due) {
          run.writeCheckpoint(students.first(), distillation.progress());
        }
      }
      listener.step(report);
    }
    return new DistillationResult(
        distillation.progress().step(),
        distillation.progress().tokens(),
        first,
        last,
        evaluations == null ? null : evaluations.best().best(),
        (System.nanoTime() - start) / 1e9);
  }

  /// Evaluates what would be shipped if this step were the last.
  private Evaluation evaluate(int step, Evaluations evaluations, Map<String, Object> metrics)
      throws IOException {
    if (distillation.isDone()) {
      return evaluations.run(step, distillation, students.first(), metrics, writer);
    }
    students.swapAverage();
    Evaluation evaluation = evaluations.run(step, distillation, students.first(), metrics, writer);
    students.swapAverage();
    return evaluation;
  }

  private Map<String, Object> metrics(StepReport r, StudentReplies.@Nullable Round round) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("step", r.step());
    line.put("tokens", r.tokens());
    line.put(round == null ? "loss" : "on_policy_loss", r.loss());
    if (round != null) {
      line.put("length", round.meanTokens());
      line.put("truncated_rate", round.truncatedRate());
      line.put("rollout_seconds", round.seconds());
    }
    if (request.settings().widestLoss().comparesStates()) {
      line.put("hidden_loss", r.hiddenLoss());
    }
    request
        .settings()
        .loss()
        .changing(r.step(), r.steps())
        .forEach((name, weight) -> line.put("weight_" + name.replace('-', '_'), weight));
    line.put("lr", r.learningRate());
    line.put("grad_norm", r.gradientNorm());
    line.put("tokens_per_second", r.tokensPerSecond());
    line.put("peak_bytes", r.peakBytes());
    return line;
  }
}
