package dev.whittle.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.LlamaModel;
import dev.whittle.testing.DemoModel;
import dev.whittle.training.Digests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizedCorpusTest {
  @TempDir Path folder;

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

  private Dataset dataset(String... lines) throws IOException {
    return new Dataset(Files.write(folder.resolve("data.jsonl"), List.of(lines)));
  }

  private static List<int[]> documents(TokenizedCorpus corpus) {
    return IntStream.range(0, corpus.size()).mapToObj(i -> corpus.document(i).tokens()).toList();
  }

  private static String digest(int[]... documents) {
    TokenizedCorpus corpus =
        TokenizedCorpus.of(
            Arrays.stream(documents).map(d -> new TokenizedDocument(d, new BitSet())).toList());
    return Digests.sha256(corpus::update);
  }

  @Test
  void theDigestTellsTokensAndDocumentsApart() {
    String digest = digest(new int[] {1, 2, 3}, new int[] {4, 5});
    assertEquals(digest, digest(new int[] {1, 2, 3}, new int[] {4, 5}));
    assertNotEquals(digest, digest(new int[] {1, 2, 3}, new int[] {4, 6}));
    assertNotEquals(digest, digest(new int[] {1, 2}, new int[] {3, 4, 5}));
    assertNotEquals(digest, digest(new int[] {1, 2, 3, 4, 5}));
  }

  @Test
  void holdsTheDocumentsAsTheyAreTokenized() throws IOException {
    Dataset dataset =
        dataset("{\"text\": \"one two\"}", "{\"prompt\": \"2+2=\", \"completion\": \"4\"}");
    TokenizedCorpus corpus = TokenizedCorpus.read(dataset, tokenizer, CorpusLimits.ofContext(64));
    assertEquals(2, corpus.size());
    TokenizedDocument pair =
        tokenizer.tokenize(new Example.PromptCompletion(2, "2+2=", "4", null, null));
    assertArrayEquals(pair.tokens(), corpus.document(1).tokens());
    assertEquals(pair.completion(), corpus.document(1).completion());
    assertEquals(corpus.length(0) + corpus.length(1), corpus.tokens());
    assertEquals(pair.tokens()[1], corpus.token(1, 1));
    assertFalse(corpus.isCompletion(1, 0));
    assertTrue(corpus.isCompletion(1, corpus.length(1) - 1));
  }

  @Test
  void aLongTextIsSplitWithOneTokenInCommon() throws IOException {
    Dataset dataset = dataset("{\"text\": \"a b c d e f g h i j k l m n o p\"}");
    int[] whole =
        tokenizer
            .tokenize(new Example.Text(1, "a b c d e f g h i j k l m n o p", null, null))
            .tokens();
    TokenizedCorpus corpus = TokenizedCorpus.read(dataset, tokenizer, CorpusLimits.ofContext(7));
    List<Integer> joined = new ArrayList<>();
    for (int[] part : documents(corpus)) {
      assertTrue(part.length <= 7);
      if (!joined.isEmpty()) {
        assertEquals(joined.removeLast(), part[0]);
      }
      Arrays.stream(part).forEach(joined::add);
    }
    assertArrayEquals(whole, joined.stream().mapToInt(i -> i).toArray());
  }

  @Test
  void aLongCompletionIsAnErrorThatNamesTheLineAndTheOption() throws IOException {
    Dataset dataset =
        dataset(
            "{\"text\": \"short\"}",
            "{\"prompt\": \"a b c d e\", \"completion\": \" f g h i j k l\"}");
    String message =
        assertThrows(
                DataException.class,
                () -> TokenizedCorpus.read(dataset, tokenizer, CorpusLimits.ofContext(8)))
            .getMessage();
    assertTrue(message.contains("data.jsonl line 2"), message);
    assertTrue(message.contains("-c"), message);
  }

  @Test
  void aSampleIsTheSameForTheSameSeed() {
    Dataset questions = new Dataset(DemoModel.QUESTIONS);
    List<List<int[]>> samples = new ArrayList<>();
    for (long seed : new long[] {1, 1, 2}) {
      TokenizedCorpus corpus =
          TokenizedCorpus.read(
              questions, tokenizer, CorpusLimits.ofContext(512).withDocuments(100, seed));
      assertEquals(100, corpus.size());
      samples.add(documents(corpus));
    }
    assertTrue(Arrays.deepEquals(samples.get(0).toArray(), samples.get(1).toArray()));
    assertFalse(Arrays.deepEquals(samples.get(0).toArray(), samples.get(2).toArray()));
  }

  @Test
  void severalDataSetsAreAsOne() throws IOException {
    List<String> lines = Files.readAllLines(DemoModel.QUESTIONS);
    Dataset first = new Dataset(Files.write(folder.resolve("first.jsonl"), lines.subList(0, 50)));
    Dataset second =
        new Dataset(Files.write(folder.resolve("second.jsonl"), lines.subList(50, 120)));
    Dataset both = new Dataset(Files.write(folder.resolve("both.jsonl"), lines.subList(0, 120)));
    for (long most : new long[] {0, 60}) {
      CorpusLimits limits = CorpusLimits.ofContext(512).withDocuments(most, 3);
      assertTrue(
          Arrays.deepEquals(
              documents(TokenizedCorpus.read(both, tokenizer, limits)).toArray(),
              documents(TokenizedCorpus.read(List.of(first, second), tokenizer, limits))
                  .toArray()));
    }
    CorpusLimits all = CorpusLimits.ofContext(512);
    assertEquals(100, TokenizedCorpus.read(List.of(first, first), tokenizer, all).size());
  }

  @Test
  void aSampleOfMoreThanThereAreIsAll() throws IOException {
    Dataset dataset = dataset("{\"text\": \"one two\"}", "{\"text\": \"three four\"}");
    CorpusLimits limits = CorpusLimits.ofContext(64).withDocuments(5, 1);
    assertEquals(2, TokenizedCorpus.read(dataset, tokenizer, limits).size());
  }

  @Test
  void chatsThatAreTooLongAreRefusedLeftOutOrCut() throws IOException {
    String chat = "{\"prompt\": \"one two\", \"completion\": \"%s\"}";
    Dataset dataset =
        dataset(
            chat.formatted("three"), chat.formatted("four ".repeat(40)), chat.formatted("five"));
    CorpusLimits limits = CorpusLimits.ofContext(32);
    String message =
        assertThrows(DataException.class, () -> TokenizedCorpus.read(dataset, tokenizer, limits))
            .getMessage();
    assertTrue(message.contains("line 2") && message.contains("--overlong skip"), message);

    TokenizedCorpus whole = TokenizedCorpus.read(dataset, tokenizer, CorpusLimits.ofContext(512));
    TokenizedCorpus skipped =
        TokenizedCorpus.read(dataset, tokenizer, limits.withOverlong(Overlong.SKIP));
    assertEquals(1, skipped.overlong());
    assertEquals(
        Optional.of("documents longer than 32 tokens, which were left out: 1"),
        limits.withOverlong(Overlong.SKIP).notice(skipped));
    assertEquals(Optional.empty(), CorpusLimits.ofContext(512).notice(whole));
    assertEquals(2, skipped.size());
    assertArrayEquals(whole.document(2).tokens(), skipped.document(1).tokens());

    TokenizedCorpus cut =
        TokenizedCorpus.read(dataset, tokenizer, limits.withOverlong(Overlong.CUT));
    assertEquals(1, cut.overlong());
    assertEquals(3, cut.size());
    assertArrayEquals(Arrays.copyOf(whole.document(1).tokens(), 32), cut.document(1).tokens());
    assertTrue(cut.document(1).completion().get(31));
  }

  @Test
  void documentsWithNothingToPredictAreNone() throws IOException {
    Dataset dataset = dataset("{\"text\": \"\"}", "{\"text\": \"a\"}");
    String message =
        assertThrows(
                DataException.class,
                () -> TokenizedCorpus.read(dataset, tokenizer, CorpusLimits.ofContext(64)))
            .getMessage();
    assertTrue(message.contains("two tokens"), message);
  }
}
