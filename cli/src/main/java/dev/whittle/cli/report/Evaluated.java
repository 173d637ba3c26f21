package dev.whittle.cli.report;

import dev.whittle.evaluation.EvaluationReport;
import dev.whittle.evaluation.ReplyLog;
import java.nio.file.Path;
import java.util.List;

/// A model and how it did.
///
/// @param label what the report calls it
/// @param file the model
/// @param replies its replies, in the order of the questions; empty where none were kept
record Evaluated(
    String label, Role role, Path file, EvaluationReport report, List<ReplyLog.Line> replies) {

  /// What models are compared by, the better the greater: the share of right answers, or the
  /// nearness to the teacher where nothing was asked.
  double quality() {
    return report.accuracy() != null
        ? report.accuracy()
        : report.kl() == null ? Double.NEGATIVE_INFINITY : -report.kl().meanKld();
  }

  /// What a model is in a run.
  enum Role {
    /// In full precision, and what the trained model learns from.
    TEACHER("in full precision"),
    /// Quantized without training.
    BASELINE("without training"),
    /// Trained as it is quantized.
    TRAINED("trained"),
    /// Of another origin.
    OTHER("");

    private final String description;

    Role(String description) {
      this.description = description;
    }

    String description() {
      return description;
    }
  }
}
