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
