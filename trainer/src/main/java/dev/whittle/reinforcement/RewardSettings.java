package dev.whittle.reinforcement;

import dev.whittle.evaluation.BoxedAnswerGrader;
import java.util.List;

/// What a reply is worth: 1 if it gives the right answer, and what follows.
///
/// @param format for a reply that ends by itself and gives one answer in a box, right or wrong
/// @param lengthPenalty what a reply loses that has all the tokens it may have; shorter ones lose
///   their share of it
public record RewardSettings(double format, double lengthPenalty) {
  public RewardSettings {
    if (!(format >= 0 && format < 1) || !(lengthPenalty >= 0 && lengthPenalty < 1)) {
      throw new IllegalArgumentException(
          "the rewards of format and length must be at least 0 and below 1, so that a right answer"
              + " is always worth more");
    }
  }

  /// Whether a reply gives the right answer and no other: one that puts many answers into boxes, as
  /// an evaluation lets pass, would earn the reward by guessing.
  boolean isRight(String reply, String answer) {
    List<String> boxes = BoxedAnswerGrader.boxes(reply);
    return !boxes.isEmpty() && boxes.stream().allMatch(answer.strip()::equals);
  }

  /// The reward of a reply.
  ///
  /// @param share of the tokens that it may have
  double of(String reply, boolean right, boolean truncated, double share) {
    boolean wellFormed = !truncated && BoxedAnswerGrader.boxes(reply).size() == 1;
    return (right ? 1 : 0) + (wellFormed ? format : 0) - lengthPenalty * share;
  }
}
