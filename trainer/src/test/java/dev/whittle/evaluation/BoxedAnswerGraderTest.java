package dev.whittle.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class BoxedAnswerGraderTest {
  private final BoxedAnswerGrader grader = new BoxedAnswerGrader();

  @Test
  void theAnswerCountsInTheBoxOnly() {
    assertTrue(grader.isRight("<think>1+1=2</think>\n\n\\boxed{2}", "2"));
    assertFalse(grader.isRight("It is 2.", "2"));
    assertFalse(grader.isRight("\\boxed{22}", "2"));
  }

  @Test
  void anyOfSeveralBoxesCounts() {
    assertTrue(grader.isRight("\\boxed{1} or \\boxed{2}", "1"));
    assertTrue(grader.isRight("\\boxed{1} or \\boxed{2}", "2"));
  }

  @Test
  void bracesInTheBoxAreBalanced() {
    assertEquals(
        List.of("\\frac{1}{2}", "{a}"),
        BoxedAnswerGrader.boxes("\\boxed{\\frac{1}{2}} and \\boxed{ {a} }."));
  }

  @Test
  void aBoxInABoxIsAlsoOne() {
    assertEquals(List.of("x \\boxed{3}", "3"), BoxedAnswerGrader.boxes("\\boxed{x \\boxed{3}}"));
  }

  @Test
  void aBoxThatIsNotClosedIsNone() {
    assertEquals(List.of(), BoxedAnswerGrader.boxes("\\boxed{42"));
    assertEquals(List.of(""), BoxedAnswerGrader.boxes("\\boxed{}"));
  }
}
