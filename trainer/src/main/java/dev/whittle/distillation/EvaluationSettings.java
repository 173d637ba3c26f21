package dev.whittle.distillation;

import dev.whittle.training.Digests;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How the best step of a run is found; what that step made is shipped.
///
/// @param heldOut documents whose loss is found; null for none
/// @param questions that the student is asked; null for none
/// @param best what makes a step the best
/// @param steps between evaluations; the last step is evaluated too
/// @param patience after so many evaluations without a new best one training ends; 0 for never
public record EvaluationSettings(
    @Nullable HeldOut heldOut,
    @Nullable TaskQuestions questions,
    Best best,
    int steps,
    int patience) {

  /// What makes a step better than another.
  public enum Best {
    /// A lower loss on held-out documents.
    LOSS,
    /// More right answers; with as many, a lower loss where there is one, or else having come
    /// first.
    ACCURACY
  }

  public EvaluationSettings {
    if (steps < 1 || patience < 0) {
      throw new IllegalArgumentException(
          "the steps between evaluations must be at least 1, and the patience not negative");
    }
    if (best == Best.LOSS ? heldOut == null : questions == null) {
      throw new IllegalArgumentException(
          best == Best.LOSS
              ? "the best step by the loss needs documents that are held out"
              : "the best step by the accuracy needs questions to ask");
    }
  }

  /// Evaluations by the loss of held-out documents alone.
  public static EvaluationSettings heldOut(int documents, int steps, int patience) {
    return new EvaluationSettings(new HeldOut(documents), null, Best.LOSS, steps, patience);
  }

  /// Whether an evaluation is better than the best one before it.
  boolean isBetter(Evaluation candidate, Evaluation before) {
    if (best == Best.ACCURACY) {
      int compared = Double.compare(candidate.requireAccuracy(), before.requireAccuracy());
      if (compared != 0 || heldOut == null) {
        return compared > 0;
      }
    }
    // Any number is better than NaN, which no number is less than.
    return Double.compare(candidate.requireLoss(), before.requireLoss()) < 0;
  }

  /// The settings by their names in a recipe, for the run directory.
  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    if (heldOut != null) {
      map.put("held_out", heldOut.documents());
    }
    if (questions != null) {
      map.put("eval_data", questions.dataset().path().toString());
      map.put("eval_data_sha256", Digests.sha256(questions.dataset().path()));
      map.put("eval_limit", questions.limit());
      map.put("eval_predict", questions.maxNewTokens());
    }
    map.put("best_by", best.name().toLowerCase(java.util.Locale.ROOT));
    map.put("eval_steps", steps);
    map.put("patience", patience);
    return map;
  }
}
