package dev.whittle.reinforcement;

/// Watches whether a run can still come to something, so that none goes on for a night that cannot.
///
/// What is watched is smoothed over about ten steps, and compared with what it was in the first
/// ones.
final class Viability {
  /// Replies without a right one, or hardly one, that show a start to be hopeless.
  private static final int PROBED_REPLIES = 96;

  private static final double LEAST_ACCURACY = 0.01;

  /// Steps that tell what the run began with.
  private static final int FIRST_STEPS = 5;

  private static final double SMOOTHING = 0.1;

  /// Shares of what they were in the beginning.
  private static final double COLLAPSED_ENTROPY = 0.05;

  private static final double COLLAPSED_REWARD = 0.5;

  /// The share of replies that are cut off, beyond what it was in the beginning.
  private static final double RUNAWAY = 0.5;

  private long replies;
  private long right;
  private int steps;
  private Figures first = new Figures(0, 0, 0);
  private Figures recent = new Figures(0, 0, 0);

  /// What is watched.
  private record Figures(double accuracy, double entropy, double truncated) {
    Figures towards(Figures other, double share) {
      return new Figures(
          accuracy + share * (other.accuracy - accuracy),
          entropy + share * (other.entropy - entropy),
          truncated + share * (other.truncated - truncated));
    }
  }

  /// Takes note of a step's replies, before anything is learned from them.
  ///
  /// @throws UnviableException if nearly none of the first ones were right
  void replied(int count, int rightOnes, double truncatedRate) {
    if (replies >= PROBED_REPLIES) {
      return;
    }
    replies += count;
    right += rightOnes;
    if (replies >= PROBED_REPLIES && right < LEAST_ACCURACY * replies) {
      throw new UnviableException(
          ("only %,d of the first %,d replies give the right answer (%.0f%% of the last ones were cut"
                  + " off), so there is next to nothing to reinforce; distill the model first, until"
                  + " it answers some of the questions")
              .formatted(right, replies, 100 * truncatedRate));
    }
  }

  /// Takes note of a step.
  ///
  /// @throws UnviableException if the policy has collapsed
  void learned(GrpoStepReport report) {
    learned(report.accuracy(), report.entropy(), report.truncatedRate(), report.step());
  }

  /// Takes note of the metrics of a step, when a run goes on.
  ///
  /// @throws UnviableException if the policy had collapsed
  void recall(int step, double accuracy, double entropy, double truncatedRate) {
    replies = PROBED_REPLIES;
    learned(accuracy, entropy, truncatedRate, step);
  }

  private void learned(double accuracy, double entropy, double truncated, int step) {
    Figures now = new Figures(accuracy, entropy, truncated);
    steps++;
    if (steps <= FIRST_STEPS) {
      first = first.towards(now, 1.0 / steps);
      recent = first;
      return;
    }
    recent = recent.towards(now, SMOOTHING);
    if (recent.entropy() < COLLAPSED_ENTROPY * first.entropy()) {
      throw unviable(
          step,
          "the policy has collapsed: its entropy is %.4f nats a token, after %.4f in the beginning"
              .formatted(recent.entropy(), first.entropy()),
          "a lower learning rate, a greater --kl or a greater --clip-high");
    }
    if (recent.truncated() > first.truncated() + RUNAWAY) {
      throw unviable(
          step,
          "the replies run away: %.0f%% are cut off, after %.0f%% in the beginning"
              .formatted(100 * recent.truncated(), 100 * first.truncated()),
          "a lower learning rate, or a --length-penalty");
    }
    if (recent.accuracy() < COLLAPSED_REWARD * first.accuracy()) {
      throw unviable(
          step,
          "the policy gets worse: %.1f%% of its answers are right, after %.1f%% in the beginning"
              .formatted(100 * recent.accuracy(), 100 * first.accuracy()),
          "a lower learning rate, or a greater --kl");
    }
  }

  private static UnviableException unviable(int step, String what, String mend) {
    return new UnviableException("at step %d %s; use %s".formatted(step, what, mend));
  }
}
