package dev.whittle.evaluation;

import java.util.ArrayList;
import java.util.List;

/// A reply is right if it holds the answer in a box: `\boxed{ANSWER}`. Braces within the box are
/// balanced, and space at its edges does not count.
public final class BoxedAnswerGrader implements AnswerGrader {
  private static final String OPENING = "\\boxed{";

  @Override
  public boolean isRight(String reply, String answer) {
    return boxes(reply).contains(answer.strip());
  }

  /// What is in the boxes of a reply, in order. A box that is not closed is none.
  public static List<String> boxes(String reply) {
    List<String> boxes = new ArrayList<>();
    for (int at = reply.indexOf(OPENING); at >= 0; at = reply.indexOf(OPENING, at + 1)) {
      int start = at + OPENING.length();
      int end = closing(reply, start);
      if (end >= 0) {
        boxes.add(reply.substring(start, end).strip());
      }
    }
    return boxes;
  }

  /// The index of the brace that closes the one before `start`, or −1.
  private static int closing(String text, int start) {
    int depth = 1;
    for (int i = start; i < text.length(); i++) {
      switch (text.charAt(i)) {
        case '{' -> depth++;
        case '}' -> {
          if (--depth == 0) {
            return i;
          }
        }
        default -> {}
      }
    }
    return -1;
  }
}
