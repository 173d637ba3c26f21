package dev.whittle.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.whittle.chat.ChatMessage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DatasetTest {
  @TempDir Path folder;

  private Dataset dataset(String... lines) throws IOException {
    return new Dataset(Files.write(folder.resolve("data.jsonl"), List.of(lines)));
  }

  private static List<Example> read(Dataset dataset) {
    try (Stream<Example> examples = dataset.examples()) {
      return examples.toList();
    }
  }

  @Test
  void readsTheThreeForms() throws IOException {
    Dataset dataset =
        dataset(
            """
            {"messages": [{"role": "user", "content": "2+2?"}], "answer": 4, "domain": "math"}\
            """,
            "",
            """
            {"prompt": "Once", "completion": " upon", "meta": {"ignored": true}}\
            """,
            """
            {"text": "Ünïcode 🚀"}\
            """);
    assertEquals(
        List.of(
            new Example.Chat(1, List.of(new ChatMessage("user", "2+2?")), "4", "math"),
            new Example.PromptCompletion(3, "Once", " upon", null, null),
            new Example.Text(4, "Ünïcode 🚀", null, null)),
        read(dataset));
    assertEquals(3, dataset.count());
  }

  @Test
  void editorsMayHaveBegunTheFileWithAByteOrderMark() throws IOException {
    Dataset dataset = dataset("\ufeff{\"text\": \"a\"}", "{\"text\": \"b\"}");
    assertEquals(
        List.of(new Example.Text(1, "a", null, null), new Example.Text(2, "b", null, null)),
        read(dataset));
    assertEquals(2, dataset.count());
  }

  @Test
  void whatIsCompressedMustBeDecompressed() throws IOException {
    Path file = folder.resolve("data.jsonl.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      out.write("{\"text\": \"a\"}\n".getBytes(StandardCharsets.UTF_8));
    }
    DataException e = assertThrows(DataException.class, () -> read(new Dataset(file)));
    assertEquals(file + " is compressed; decompress it with gunzip", e.getMessage());
  }

  @Test
  void whatIsNoJsonIsSaidInPlainWords() throws IOException {
    Dataset dataset = dataset("{\"text\": \"a\"");
    DataException e = assertThrows(DataException.class, () -> read(dataset));
    assertTrue(e.getMessage().contains("data.jsonl line 1 is not JSON (Unexpected end-of-input"));
    assertFalse(e.getMessage().contains("Source"), e.getMessage());
  }

  @Test
  void aDomainIsADataSetOfItsOwn() throws IOException {
    Path file =
        dataset(
                """
                {"text": "a", "domain": "code"}\
                """,
                """
                {"text": "b"}\
                """,
                """
                {"text": "c", "domain": "math"}\
                """,
                """
                {"text": "d", "domain": "math"}\
                """)
            .path();
    Dataset math = new Dataset(file, "math");
    assertEquals(2, math.count());
    assertEquals(
        List.of(new Example.Text(3, "c", null, "math"), new Example.Text(4, "d", null, "math")),
        read(math));
    try (Stream<Example> second = math.examples(index -> index == 1)) {
      assertEquals(List.of(4L), second.map(Example::line).toList());
    }
    Dataset none = new Dataset(file, "maths");
    DataException e = assertThrows(DataException.class, () -> read(none));
    assertTrue(e.getMessage().contains("'maths'; name one of code, math"), e.getMessage());
    assertThrows(DataException.class, none::count);
  }

  @Test
  void joinsTheTextPartsOfAMessage() throws IOException {
    Dataset dataset =
        dataset(
            """
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, \
            {"type": "text", "text": "b"}]}]}\
            """);
    assertEquals(
        new Example.Chat(1, List.of(new ChatMessage("user", "ab")), null, null),
        read(dataset).getFirst());
  }

  @Test
  void readsShareGptsForm() throws IOException {
    Dataset dataset =
        dataset(
            """
            {"conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}], "system": "Be brief."}\
            """,
            """
            {"conversations": [{"role": "user", "content": "2+2?"}], "system": ""}\
            """);
    assertEquals(
        List.of(
            new Example.Chat(
                1,
                List.of(
                    new ChatMessage("system", "Be brief."),
                    new ChatMessage("user", "2+2?"),
                    new ChatMessage("assistant", "4")),
                null,
                null),
            new Example.Chat(2, List.of(new ChatMessage("user", "2+2?")), null, null)),
        read(dataset));
  }

  @Test
  void whatTheSystemSaysCountsOnce() throws IOException {
    Dataset dataset =
        dataset(
            """
            {"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], "system": "a"}\
            """);
    assertEquals(
        new Example.Chat(
            1, List.of(new ChatMessage("system", "a"), new ChatMessage("user", "b")), null, null),
        read(dataset).getFirst());
  }

  @Test
  void promptsAndCompletionsMayBeMessages() throws IOException {
    Dataset dataset =
        dataset(
            """
            {"prompt": [{"role": "user", "content": "2+2?"}], "completion": [{"role": "assistant", "content": "4"}]}\
            """,
            """
            {"prompt": [{"role": "user", "content": "2+2?"}], "answer": "4"}\
            """);
    ChatMessage question = new ChatMessage("user", "2+2?");
    assertEquals(
        List.of(
            new Example.Chat(1, List.of(question, new ChatMessage("assistant", "4")), null, null),
            new Example.Chat(2, List.of(question), "4", null)),
        read(dataset));
  }

  @Test
  void fieldsThatSayNothingMayBeThere() throws IOException {
    Dataset dataset =
        dataset(
            """
            {"messages": [{"role": "user", "content": "a", "tool_calls": [], "name": "b", \
            "reasoning_content": ""}], "tools": null}\
            """);
    assertEquals(
        new Example.Chat(1, List.of(new ChatMessage("user", "a")), null, null),
        read(dataset).getFirst());
  }

  /// As Qwen3's template writes them, which takes either form.
  @Test
  void thoughtsStandBeforeTheReply() throws IOException {
    Dataset dataset =
        dataset(
            """
            {"messages": [{"role": "assistant", "content": "\\n\\n4", "reasoning_content": "\\n2+2\\n"}]}\
            """);
    assertEquals(
        new Example.Chat(
            1, List.of(new ChatMessage("assistant", "<think>\n2+2\n</think>\n\n4")), null, null),
        read(dataset).getFirst());
  }

  @Test
  void aPromptWithAnAnswerNeedsNoCompletion() throws IOException {
    Dataset dataset = dataset("{\"prompt\": \"2+2=\", \"answer\": \"4\"}");
    assertEquals(new Example.PromptCompletion(1, "2+2=", "", "4", null), read(dataset).getFirst());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"text\": | is not JSON",
        "{\"text\": \"a\"} {} | is not JSON (something comes after its end); write each",
        "[1] | is not a JSON object",
        "{\"txt\": \"a\"} | none of the fields 'messages', 'conversations', 'prompt', 'text'",
        "{\"text\": 3} | 'text' is not a string",
        "{\"prompt\": \"a\"} | no field 'completion'",
        "{\"messages\": []} | no list of messages in the field 'messages'",
        "{\"messages\": [{\"role\": \"user\"}]} | no field 'messages[0].content'",
        "{\"messages\": [\"hi\"]} | 'messages[0]' is not an object",
        "{\"messages\": [{\"role\": \"bot\", \"content\": \"a\"}]} | 'messages[0].role' is 'bot'; write",
        "{\"conversations\": [{\"from\": \"observation\", \"value\": \"a\"}]} | 'conversations[0].from' is 'observation'; write",
        "{\"prompt\": [{\"role\": \"user\", \"content\": \"a\"}]} | no list of messages in the field 'completion'",
        "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]} | not text",
        "{\"text\": \"a\\u0000b\"} | \\u0000",
        "{\"text\": \"a\\ud83d b\"} | holds half of a pair of surrogates",
        "{\"messages\": [{\"role\": \"user\", \"content\": null}]} | no text in the field 'messages[0].content'",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"4\", \"reasoning_content\": \"2+2\"}]} | 'messages[0].reasoning_content' is in a message of the role user; only replies",
        "{\"messages\": [{\"role\": \"assistant\", \"content\": \"<think>a</think>4\", \"reasoning_content\": \"2+2\"}]} | 'messages[0]' has 'reasoning_content', and </think> in it or in 'content'",
        "{\"messages\": [{\"role\": \"assistant\", \"content\": \"4\", \"reasoning_content\": [\"2+2\"]}]} | 'messages[0].reasoning_content' is not a string",
        "{\"messages\": [{\"role\": \"assistant\", \"content\": \"4\", \"thinking\": \"2+2\"}]} | 'messages[0].thinking' would not be used; write it into 'messages[0].content'",
        "{\"messages\": [{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": 1}]}]} | 'messages[0].tool_calls' would not be used",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"tools\": [{}]} | 'tools' would not be used; write it into the system message",
        "{\"text\": \"a\", \"answer\": [1]} | 'answer' is not a string",
      })
  void aMalformedLineIsNamedWithItsField(String line, String expected) throws IOException {
    Dataset dataset = dataset("{\"text\": \"fine\"}", line);
    String message = assertThrows(DataException.class, () -> read(dataset)).getMessage();
    assertTrue(message.contains("data.jsonl line 2"), message);
    assertTrue(message.contains(expected), message);
  }

  @Test
  void anEmptyDataSetIsAnError() throws IOException {
    Dataset dataset = dataset("", "  ");
    String message = assertThrows(DataException.class, () -> read(dataset)).getMessage();
    assertTrue(message.contains("data.jsonl has no examples"), message);
  }

  @Test
  void aMissingFileIsAnError() {
    Dataset dataset = new Dataset(folder.resolve("none.jsonl"));
    String message = assertThrows(DataException.class, () -> read(dataset)).getMessage();
    assertTrue(message.contains("none.jsonl is not a file"), message);
  }

  @Test
  void aStreamIsNoDataSet() {
    // Data are read several times: a pipe would be empty from the second time on.
    Path stream = Path.of("/dev/null");
    assumeTrue(Files.exists(stream));
    String message =
        assertThrows(DataException.class, () -> read(new Dataset(stream))).getMessage();
    assertTrue(message.contains("/dev/null is no file that can be read more than once"), message);
  }

  @Test
  void textThatIsNotUtf8IsAnError() throws IOException {
    String lines = "{\"text\": \"é\"}\n".repeat(2000);
    Path file = Files.writeString(folder.resolve("latin.jsonl"), lines);
    Files.writeString(
        file, "{\"text\": \"é\"}\n", StandardCharsets.ISO_8859_1, StandardOpenOption.APPEND);
    Dataset dataset = new Dataset(file);
    String message = assertThrows(DataException.class, () -> read(dataset)).getMessage();
    assertTrue(message.contains("latin.jsonl line 2001 is not text in UTF-8"), message);
  }
}
