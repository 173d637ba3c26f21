package dev.whittle.cli;

import dev.whittle.distillation.DistillationListener;
import dev.whittle.distillation.Evaluation;
import dev.whittle.distillation.StepReport;
import org.jspecify.annotations.Nullable;

/// Tells how a training run goes: its stages, and then its steps with their loss and speed.
final class TrainingProgress implements DistillationListener, AutoCloseable {
  /// The share of the newest step in the figures shown: single steps are too noisy to read.
  private static final double SMOOTHING = 0.1;

  private final Terminal terminal;
  private final String task;
  private @Nullable Progress current;
  private double loss = Double.NaN;
  private double repliesLoss = Double.NaN;
  private String evaluated = "";
  private double tokensPerSecond = Double.NaN;

  TrainingProgress(Terminal terminal, String task) {
    this.terminal = terminal;
    this.task = task;
  }

  /// When the first step of a process was: a run that is gone on with does not begin anew.
  static String since(int step) {
    return step == 1 ? "at first" : "at step %,d".formatted(step);
  }

  /// So many steps, in words.
  static String steps(int count) {
    return count == 1 ? "1 step" : "%,d steps".formatted(count);
  }

  @Override
  public void stage(String what) {
    close();
    terminal.say(task + ": " + what);
  }

  @Override
  public void importance(long documents, long total) {
    progress("documents").update(documents, total, "");
  }

  @Override
  public void gptq(int layers, int total) {
    progress("layers").update(layers, total, "");
  }

  @Override
  public void warning(String sentence) {
    close();
    terminal.warn(sentence);
  }

  @Override
  public void teacherStates(long documents, long total) {
    progress("documents").update(documents, total, "");
  }

  @Override
  public void evaluated(Evaluation evaluation) {
    evaluated =
        (evaluation.loss() == null ? "" : ", held out %.4f".formatted(evaluation.loss()))
            + (evaluation.accuracy() == null
                ? ""
                : ", accuracy %.3f".formatted(evaluation.accuracy()));
  }

  @Override
  public void step(StepReport report) {
    if (report.onPolicy()) {
      repliesLoss = smooth(repliesLoss, report.loss());
    } else {
      loss = smooth(loss, report.loss());
    }
    tokensPerSecond = smooth(tokensPerSecond, report.tokensPerSecond());
    progress("steps")
        .update(
            report.step(),
            report.steps(),
            "%s%s, %,.0f tokens/s".formatted(losses(), evaluated, tokensPerSecond));
  }

  private String losses() {
    if (Double.isNaN(repliesLoss)) {
      return "loss %.4f".formatted(loss);
    }
    String own = "%.4f on own replies".formatted(repliesLoss);
    return Double.isNaN(loss) ? "loss " + own : "loss %.4f, %s".formatted(loss, own);
  }

  private static double smooth(double before, double now) {
    return Double.isNaN(before) ? now : before + SMOOTHING * (now - before);
  }

  private Progress progress(String unit) {
    if (current == null) {
      current = new Progress(terminal, task, unit);
    }
    return current;
  }

  @Override
  public void close() {
    if (current != null) {
      current.close();
      current = null;
    }
  }
}
