package dev.whittle.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ThoughtsTest {
  private static final String REPLY = "So <think>a < b</think>\n\nyes <th";

  /// Thoughts in brackets, wherever a piece ends.
  @Test
  void are_told_from_the_reply_however_it_is_cut() {
    for (int length = 1; length <= REPLY.length(); length++) {
      StringBuilder plain = new StringBuilder();
      StringBuilder thought = new StringBuilder();
      Thoughts thoughts =
          new Thoughts((text, thinking) -> (thinking ? thought : plain).append(text));
      for (int at = 0; at < REPLY.length(); at += length) {
        thoughts.append(REPLY.substring(at, Math.min(REPLY.length(), at + length)));
      }
      thoughts.finish();
      assertEquals("So \n\nyes <th", plain.toString(), "pieces of " + length);
      assertEquals("<think>a < b</think>", thought.toString(), "pieces of " + length);
    }
  }
}
