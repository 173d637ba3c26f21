package dev.whittle.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.chat.ChatMessage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The files are DuckDB's: see `README.md` beside them.
class ParquetDatasetTest {
  @TempDir Path folder;

  private Dataset dataset(String name) throws IOException {
    return new Dataset(copy(name));
  }

  private Path copy(String name) throws IOException {
    try (InputStream in = ParquetDatasetTest.class.getResourceAsStream("/parquet/" + name)) {
      Path file = folder.resolve(name);
      Files.copy(in, file);
      return file;
    }
  }

  private static List<Example> read(Dataset dataset) {
    try (Stream<Example> examples = dataset.examples()) {
      return examples.toList();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"snappy", "zstd", "gzip", "uncompressed"})
  void readsChatsHoweverTheyAreCompressed(String compression) throws IOException {
    Dataset dataset = dataset("chats-" + compression + ".parquet");
    assertEquals(
        List.of(
            new Example.Chat(
                1,
                List.of(new ChatMessage("user", "2+2?"), new ChatMessage("assistant", "4")),
                "4",
                "math"),
            new Example.Chat(2, List.of(new ChatMessage("user", "Ünïcode 🚀")), null, null)),
        read(dataset));
    assertEquals(2, dataset.count());
    assertEquals(1, new Dataset(dataset.path(), "math").count());
  }

  @Test
  void aFileIsKnownByItsContent() throws IOException {
    Path file = Files.move(copy("chats-zstd.parquet"), folder.resolve("data.jsonl"));
    assertEquals(2, read(new Dataset(file)).size());
  }

  @Test
  void aRowIsWhatItsFilledColumnsSay() throws IOException {
    assertEquals(
        List.of(
            new Example.Chat(1, List.of(new ChatMessage("user", "a")), null, null),
            new Example.PromptCompletion(2, "Once", " upon", null, null),
            new Example.Text(3, "a time", null, null)),
        read(dataset("mixed.parquet")));
  }

  @Test
  void someOfTheRowsOfSeveralGroupsCanBeTaken() throws IOException {
    Dataset dataset = dataset("groups.parquet");
    assertEquals(5000, dataset.count());
    try (Stream<Example> some = dataset.examples(index -> index % 1000 == 999)) {
      assertEquals(
          Stream.of(1000, 2000, 3000, 4000, 5000)
              .map(row -> new Example.Text(row, "x" + (row - 1), null, null))
              .toList(),
          some.toList());
    }
  }

  @Test
  void readsShareGptsChats() throws IOException {
    assertEquals(
        List.of(
            new Example.Chat(
                1,
                List.of(
                    new ChatMessage("system", "Be brief."),
                    new ChatMessage("user", "2+2?"),
                    new ChatMessage("assistant", "4")),
                null,
                null)),
        read(dataset("conversations.parquet")));
  }

  @Test
  void textNeedNotBeMarkedAsSuch() throws IOException {
    Dataset dataset = dataset("bytes.parquet");
    try (Stream<Example> examples = dataset.examples()) {
      assertEquals(
          new Example.Text(1, "fine", null, null), examples.limit(1).findFirst().orElseThrow());
    }
    String message = assertThrows(DataException.class, () -> read(dataset)).getMessage();
    assertEquals(dataset.path() + " row 2 has no text in UTF-8 in 'text'; convert it", message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "columns | none of the columns 'messages', 'conversations', 'prompt', 'text', but id, body; rename",
        "date | row 1 has a value in 'domain' that is neither text nor a number",
        "tools | row 1 field 'tools' would not be used",
        "empty | has no examples",
        "brotli | is compressed with BROTLI, which is not known; write it with snappy, gzip or zstd",
      })
  void whatCannotBeUsedIsNamed(String name, String expected) throws IOException {
    Dataset dataset = dataset(name + ".parquet");
    String message = assertThrows(DataException.class, () -> read(dataset)).getMessage();
    assertTrue(message.startsWith(dataset.path().toString()), message);
    assertTrue(message.contains(expected), message);
  }

  @Test
  void theRowOfAnExampleIsNamed() throws IOException {
    Dataset dataset = dataset("mixed.parquet");
    Example text = read(dataset).getLast();
    String message =
        assertThrows(DataException.class, () -> dataset.requireQuestion(text)).getMessage();
    assertTrue(message.startsWith(dataset.path() + " row 3 asks for no reply"), message);
  }

  @Test
  void aFileThatWasCutShortIsNoDataSet() throws IOException {
    Path file = copy("chats-snappy.parquet");
    byte[] whole = Files.readAllBytes(file);
    for (int length = 4; length < whole.length; length += 7) {
      Files.write(file, Arrays.copyOf(whole, length));
      String message =
          assertThrows(DataException.class, () -> read(new Dataset(file))).getMessage();
      assertTrue(message.startsWith(file + " cannot be read as a Parquet file ("), message);
    }
  }
}
