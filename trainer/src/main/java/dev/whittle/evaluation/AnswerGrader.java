package dev.whittle.evaluation;

/// Decides whether a reply gives the right answer. A verifiable reward is one of these.
@FunctionalInterface
public interface AnswerGrader {
  boolean isRight(String reply, String answer);
}
