package dev.whittle.distillation;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// An evaluation of a run.
///
/// @param step behind which it was made
/// @param loss mean over the targets of the held-out documents; null if there are none
/// @param accuracy share of the questions that were answered right; null if none were asked
public record Evaluation(int step, @Nullable Double loss, @Nullable Double accuracy) {
  double requireLoss() {
    return Objects.requireNonNull(loss);
  }

  double requireAccuracy() {
    return Objects.requireNonNull(accuracy);
  }
}
