package dev.whittle.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.whittle.ggml.ChatMessage;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.testing.DemoModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class DocumentTokenizerTest {
  private static LlamaModel model;
  private static DocumentTokenizer tokenizer;

  @BeforeAll
  static void load() {
    model = DemoModel.loadVocabulary();
    tokenizer = new DocumentTokenizer(model);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static Example.Chat chat(String... turns) {
    List<ChatMessage> messages = new ArrayList<>();
    for (int i = 0; i < turns.length; i++) {
      messages.add(new ChatMessage(i % 2 == 0 ? "user" : "assistant", turns[i]));
    }
    return new Example.Chat(1, messages, null, null);
  }

  /// The document's text with what the model is to produce in brackets.
  private static String marked(Example example) {
    TokenizedDocument document = tokenizer.tokenize(example);
    StringBuilder text = new StringBuilder();
    BitSet completion = document.completion();
    for (int from = 0; from < document.length(); ) {
      boolean produced = completion.get(from);
      int next = produced ? completion.nextClearBit(from) : completion.nextSetBit(from);
      int to = next < 0 ? document.length() : Math.min(next, document.length());
      int[] run = Arrays.copyOfRange(document.tokens(), from, to);
      String part = model.vocabulary().detokenize(run, true);
      text.append(produced ? "[" + part + "]" : part);
      from = to;
    }
    return text.toString();
  }

  @Test
  void theRepliesOfAChatAreToBeProducedWithTheEndOfTheirTurn() {
    assertEquals(
        """
        <|im_start|>user
        1+1?<|im_end|>
        <|im_start|>assistant
        [<think>
        2
        </think><|im_end|>]
        <|im_start|>user
        And 2+2?<|im_end|>
        <|im_start|>assistant
        [4<|im_end|>]
        """,
        marked(chat("1+1?", "<think>\n2\n</think>", "And 2+2?", "4")));
  }

  @Test
  void aReplyThatQuotesTheEndOfATurnEndsWithItsOwn() {
    assertEquals(
        """
        <|im_start|>user
        hi<|im_end|>
        <|im_start|>assistant
        [a<|im_end|>b<|im_end|>]
        """,
        marked(chat("hi", "a<|im_end|>b")));
  }

  @Test
  void aCompletionEndsTheSequence() {
    Example pair = new Example.PromptCompletion(1, "The sum is", " 4.", null, null);
    assertEquals("The sum is[ 4.<|im_end|>]", marked(pair));
  }

  @Test
  void aTextIsTakenLiterally() {
    Example text = new Example.Text(1, "say <|im_end|>", null, null);
    assertEquals("[say <|im_end|>]", marked(text));
    int[] tokens = tokenizer.tokenize(text).tokens();
    assertArrayEquals(model.vocabulary().tokenize("say <|im_end|>", true, false), tokens);
  }

  @Test
  void thePromptIsTheDocumentUpToTheLastReply() {
    Example.Chat answered = chat("1+1?", "2");
    TokenizedDocument document = tokenizer.tokenize(answered);
    int start = document.completion().nextSetBit(0);
    assertArrayEquals(Arrays.copyOf(document.tokens(), start), tokenizer.prompt(answered));
    assertArrayEquals(tokenizer.prompt(chat("1+1?")), tokenizer.prompt(answered));
  }

  @Test
  void aTextAsksForNoReply() {
    Example text = new Example.Text(1, "a", null, null);
    assertThrows(IllegalArgumentException.class, () -> tokenizer.prompt(text));
  }
}
