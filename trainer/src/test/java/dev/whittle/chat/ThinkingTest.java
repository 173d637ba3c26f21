package dev.whittle.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ThinkingTest {
  @Test
  void thoughtsAreLeftOutOfWhatWasSaid() {
    assertEquals("4", Thinking.without("<think>2 + 2</think>\n\n4"));
    assertEquals("4", Thinking.without("2 + 2</think>4"));
    assertEquals("4", Thinking.without("4"));
    assertEquals("<think>never ended", Thinking.without("<think>never ended"));
  }

  @Test
  void aPromptMayOpenAThought() {
    assertEquals("<think>\n", Thinking.opened("assistant\n<think>\n"));
    assertEquals("", Thinking.opened("assistant\n<think>\n\n</think>\n\n"));
    assertEquals("", Thinking.opened("What is <think>?"));
    assertEquals("", Thinking.opened("assistant\n"));
  }

  @Test
  void aReplyDoesNotOpenItAgain() {
    String reply = "<think>\na\n</think>\nb";
    assertEquals("a\n</think>\nb", Thinking.behind("assistant\n<think>\n", reply));
    assertEquals("\na\n</think>\nb", Thinking.behind("assistant\n<think>", reply));
    assertEquals("a</think>b", Thinking.behind("assistant\n<think>\n", "a</think>b"));
    assertEquals(reply, Thinking.behind("assistant\n", reply));
    assertEquals("b", Thinking.behind("assistant\n<think>\n\n</think>\n\n", reply));
  }
}
