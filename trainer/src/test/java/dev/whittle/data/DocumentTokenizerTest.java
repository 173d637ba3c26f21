package dev.whittle.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.chat.ChatMessage;
import dev.whittle.chat.ChatTemplateException;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.testing.DemoModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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

  /// Thoughts are shown of replies to the last question only, and always there.
  private static final String QWEN_LIKE =
      """
      {%- set last = namespace(question=0) %}
      {%- for message in messages %}
        {%- if message.role == 'user' %}{% set last.question = loop.index0 %}{% endif %}
      {%- endfor %}
      {%- for message in messages %}
        {%- set parts = message.content.split('</think>') %}
        {{- '<|im_start|>' ~ message.role ~ '\\n' }}
        {%- if message.role == 'assistant' and loop.index0 > last.question %}
          {%- set thought = parts[0].split('<think>')[-1].strip() if parts|length > 1 else '' %}
          {{- '<think>\\n' ~ thought ~ '\\n</think>\\n\\n' }}
        {%- endif %}
        {{- parts[-1].strip() ~ '<|im_end|>\\n' }}
      {%- endfor %}
      {%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
      """;

  /// Prompts open a thought; replies are shown without any.
  private static final String DEEPSEEK_LIKE =
      """
      {%- for message in messages %}
        {{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content.split('</think>')[-1].strip() }}
        {{- '<|im_end|>\\n' }}
      {%- endfor %}
      {%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}
      """;

  /// What the system says goes to the last user, if nobody has spoken since.
  private static final String MISTRAL_LIKE =
      """
      {%- set system = messages[0].content if messages[0].role == 'system' %}
      {%- for message in messages if message.role != 'system' %}
        {%- set before = system ~ ' ' if system and loop.last and message.role == 'user' %}
        {{- '<|im_start|>' ~ message.role ~ ' ' ~ before ~ message.content ~ '<|im_end|>' }}
      {%- endfor %}
      {%- if add_generation_prompt %}{{ '<|im_start|>assistant ' }}{% endif %}
      """;

  private static Example.Chat chat(String... turns) {
    List<ChatMessage> messages = new ArrayList<>();
    for (int i = 0; i < turns.length; i++) {
      messages.add(new ChatMessage(i % 2 == 0 ? "user" : "assistant", turns[i]));
    }
    return new Example.Chat(1, messages, null, null);
  }

  /// The document's text with what the model is to produce in brackets.
  private static String marked(Example example) {
    return marked(tokenizer, example);
  }

  private static String marked(DocumentTokenizer tokenizer, Example example) {
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
  void earlierRepliesAreLearntAsTheTemplateShowsThem(@TempDir Path folder) throws IOException {
    try (LlamaModel thinking = DemoModel.loadVocabulary(folder, QWEN_LIKE)) {
      assertEquals(
          """
          <|im_start|>user
          1+1?<|im_end|>
          <|im_start|>assistant
          [2<|im_end|>]
          <|im_start|>user
          2+2?<|im_end|>
          <|im_start|>assistant
          [<think>
          two and two
          </think>

          4<|im_end|>]
          """,
          marked(
              new DocumentTokenizer(thinking),
              chat(
                  "1+1?",
                  "<think>\none and one\n</think>\n\n2",
                  "2+2?",
                  "<think>\ntwo and two\n</think>\n\n4")));
    }
  }

  @Test
  void anEmptyThoughtThatTheTemplateWritesIsToBeProduced(@TempDir Path folder) throws IOException {
    try (LlamaModel thinking = DemoModel.loadVocabulary(folder, QWEN_LIKE)) {
      assertEquals(
          """
          <|im_start|>user
          1+1?<|im_end|>
          <|im_start|>assistant
          [<think>

          </think>

          2<|im_end|>]
          """,
          marked(new DocumentTokenizer(thinking), chat("1+1?", "2")));
    }
  }

  @Test
  void aReplyGoesOnBehindThePromptThatOpensItsThought(@TempDir Path folder) throws IOException {
    try (LlamaModel thinking = DemoModel.loadVocabulary(folder, DEEPSEEK_LIKE)) {
      DocumentTokenizer thinker = new DocumentTokenizer(thinking);
      Example.Chat chat =
          chat(
              "1+1?",
              "<think>\none and one\n</think>\n\n2",
              "2+2?",
              "<think>\ntwo and two\n</think>\n\n4");
      assertEquals(
          """
          <|im_start|>user
          1+1?<|im_end|>
          <|im_start|>assistant
          [2<|im_end|>]
          <|im_start|>user
          2+2?<|im_end|>
          <|im_start|>assistant
          <think>
          [two and two
          </think>

          4<|im_end|>]
          """,
          marked(thinker, chat));
      TokenizedDocument document = thinker.tokenize(chat);
      int start = document.completion().previousClearBit(document.completion().length() - 1) + 1;
      assertArrayEquals(Arrays.copyOf(document.tokens(), start), thinker.prompt(chat));
      // A thought that the model opened by itself is closed as well without the opening.
      assertEquals(
          marked(thinker, chat("2+2?", "<think>\ntwo\n</think>\n\n4")),
          marked(thinker, chat("2+2?", "two\n</think>\n\n4")));
      // Without a thought there is none to be opened.
      assertEquals(
          """
          <|im_start|>user
          2+2?<|im_end|>
          <|im_start|>assistant
          [4<|im_end|>]
          """,
          marked(thinker, chat("2+2?", "4")));
    }
  }

  @Test
  void whatAPromptHoldsIsLearntWithIt(@TempDir Path folder) throws IOException {
    try (LlamaModel other = DemoModel.loadVocabulary(folder, MISTRAL_LIKE)) {
      List<ChatMessage> messages = new ArrayList<>(chat("1+1?", "2", "2+2?", "4").messages());
      messages.addFirst(new ChatMessage("system", "Be brief."));
      assertEquals(
          "<|im_start|>user 1+1?<|im_end|><|im_start|>assistant [2<|im_end|>]"
              + "<|im_start|>user Be brief. 2+2?<|im_end|><|im_start|>assistant [4<|im_end|>]",
          marked(new DocumentTokenizer(other), new Example.Chat(1, messages, null, null)));
    }
  }

  @Test
  void aReplyThatTheTemplateLeavesOutIsLearntBehindThePrompt(@TempDir Path folder)
      throws IOException {
    String template =
        "{% for m in messages if m.role == 'user' %}Q: {{ m.content }}\nA: {% endfor %}";
    try (LlamaModel other = DemoModel.loadVocabulary(folder, template)) {
      assertEquals(
          "Q: 1+1?\nA: [2<|im_end|>]", marked(new DocumentTokenizer(other), chat("1+1?", "2")));
    }
  }

  @Test
  void theLineOfAChatThatTheTemplateRefusesIsNamed(@TempDir Path folder) throws IOException {
    String template = "{{ raise_exception('roles must alternate') }}";
    try (LlamaModel other = DemoModel.loadVocabulary(folder, template)) {
      DocumentTokenizer refusing = new DocumentTokenizer(other);
      String message =
          assertThrows(ChatTemplateException.class, () -> refusing.tokenize(chat("a", "b")))
              .getMessage();
      assertTrue(message.startsWith("the chat template"), message);
      assertTrue(message.contains(other.path().toString()), message);
      assertTrue(message.contains("roles must alternate"), message);
      Dataset chats = new Dataset(Files.writeString(folder.resolve("chats.jsonl"), "{}"));
      message =
          assertThrows(ChatTemplateException.class, () -> refusing.prompt(chats, chat("a", "b")))
              .getMessage();
      assertTrue(message.startsWith(chats.path() + " line 1: the chat template"), message);
    }
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
