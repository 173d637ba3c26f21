package dev.whittle.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.llama_chat_message;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.testing.DemoModel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatTemplateTest {
  private static LlamaModel model;

  @BeforeAll
  static void load() {
    model = DemoModel.loadVocabulary();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static List<ChatMessage> question(String words) {
    return List.of(new ChatMessage(ChatMessage.USER, words));
  }

  @Test
  void aChatIsWrittenByTheTemplateInTheModel() {
    List<ChatMessage> chat =
        List.of(
            new ChatMessage(ChatMessage.SYSTEM, "Be brief."),
            new ChatMessage(ChatMessage.USER, "Ünï?"));
    assertEquals(
        """
        <|im_start|>system
        Be brief.<|im_end|>
        <|im_start|>user
        Ünï?<|im_end|>
        <|im_start|>assistant
        """,
        ChatTemplate.of(model).apply(chat, true));
  }

  /// The bundled model's template is one of those whose form llama.cpp's library knows by itself.
  @Test
  void theTextIsLlamaCppsForATemplateThatItKnows() {
    Random random = new Random(5);
    ChatTemplate template = ChatTemplate.of(model);
    String letters = "a \n\"'\\{}%#<|>é😀";
    for (int n = 0; n < 200; n++) {
      List<ChatMessage> chat = new ArrayList<>();
      for (int i = random.nextInt(4); i >= 0; i--) {
        String role = List.of("system", "user", "assistant").get(random.nextInt(3));
        int[] points = letters.codePoints().toArray();
        int[] words =
            random.ints(random.nextInt(20), 0, points.length).map(at -> points[at]).toArray();
        chat.add(new ChatMessage(role, new String(words, 0, words.length)));
      }
      assertEquals(llamaCpps(chat, n % 2 == 0), template.apply(chat, n % 2 == 0));
    }
  }

  private static String llamaCpps(List<ChatMessage> messages, boolean addAssistantPrompt) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chat = llama_chat_message.allocateArray(messages.size(), arena);
      for (int i = 0; i < messages.size(); i++) {
        MemorySegment message = llama_chat_message.asSlice(chat, i);
        llama_chat_message.role(message, arena.allocateFrom(messages.get(i).role()));
        llama_chat_message.content(message, arena.allocateFrom(messages.get(i).content()));
      }
      MemorySegment text = arena.allocate(1 << 16);
      int length =
          Llama.llama_chat_apply_template(
              arena.allocateFrom(model.chatTemplate().orElseThrow()),
              chat,
              messages.size(),
              addAssistantPrompt,
              text,
              1 << 16);
      assertTrue(length >= 0 && length < 1 << 16);
      return text.getString(0);
    }
  }

  @Test
  void theTokenThatBeginsASequenceIsNotDoubled(@TempDir Path folder) throws IOException {
    String template =
        "{{ bos_token }}{% for m in messages %}{{ m.content ~ eos_token }}{% endfor %}";
    for (boolean adds : new boolean[] {true, false}) {
      try (LlamaModel other =
          DemoModel.loadVocabulary(
              folder,
              metadata ->
                  metadata
                      .put("tokenizer.chat_template", template)
                      .putU32("tokenizer.ggml.bos_token_id", 1)
                      .put("tokenizer.ggml.add_bos_token", adds))) {
        int beginning = other.vocabulary().beginning().orElseThrow();
        String text = ChatTemplate.of(other).apply(question("hi"), true);
        String end = other.vocabulary().text(other.vocabulary().end().orElseThrow());
        assertEquals((adds ? "" : other.vocabulary().text(beginning)) + "hi" + end, text);
        int[] tokens = other.vocabulary().tokenize(text, true, true);
        assertEquals(beginning, tokens[0]);
        assertEquals(1, Arrays.stream(tokens).filter(token -> token == beginning).count());
      }
    }
  }

  @Test
  void whatSurroundsAMessageIsTheSameWhateverItSays() {
    ChatTemplate template = ChatTemplate.of(model);
    var around = template.around(question("any"), 0, true).orElseThrow();
    assertEquals(
        template.apply(question("other"), true), around.before() + "other" + around.after());
  }

  @Test
  void aTemplateThatCannotBeUsedIsNamedWithItsModel(@TempDir Path folder) throws IOException {
    for (String template :
        List.of("{% if %}", "{% include 'a' %}", "{{ raise_exception('No.') }}", "{{ a.b }}")) {
      try (LlamaModel other = DemoModel.loadVocabulary(folder, template)) {
        String message =
            assertThrows(
                    ChatTemplateException.class,
                    () -> ChatTemplate.of(other).apply(question("hi"), true))
                .getMessage();
        assertTrue(message.contains(other.path() + " cannot be used here: "), message);
        assertTrue(message.contains("line 1"), message);
      }
    }
  }

  @Test
  void aModelWithoutATemplateIsRefused(@TempDir Path folder) throws IOException {
    try (LlamaModel other =
        DemoModel.loadVocabulary(folder, metadata -> metadata.remove("tokenizer.chat_template"))) {
      String message =
          assertThrows(ChatTemplateException.class, () -> ChatTemplate.of(other)).getMessage();
      assertTrue(message.contains(other.path() + " has no chat template"), message);
    }
  }
}
