package dev.whittle.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.model.BatchShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PackedBatchesTest {
  private static final BatchShape SHAPE = new BatchShape(4, 64);

  /// Documents of 2 to 40 tokens; a token's id tells its document and its place.
  private static TokenizedCorpus corpus(int documents) {
    Random random = new Random(7);
    List<TokenizedDocument> list = new ArrayList<>();
    for (int d = 0; d < documents; d++) {
      int[] tokens = new int[random.nextInt(2, 41)];
      Arrays.setAll(tokens, id(d));
      BitSet completion = new BitSet();
      completion.set(tokens.length / 2, tokens.length);
      list.add(new TokenizedDocument(tokens, completion));
    }
    return TokenizedCorpus.of(list);
  }

  private static java.util.function.IntUnaryOperator id(int document) {
    return i -> document * 100 + i;
  }

  private static PackedBatches batches(TokenizedCorpus corpus, long seed) {
    return new PackedBatches(corpus, SHAPE, seed, DataPosition.START);
  }

  private static void assertSame(PackedBatch expected, PackedBatch actual) {
    assertArrayEquals(expected.tokens(), actual.tokens());
    assertArrayEquals(expected.positions(), actual.positions());
    assertArrayEquals(expected.documents(), actual.documents());
    assertArrayEquals(expected.targets(), actual.targets());
    assertArrayEquals(expected.targetIsCompletion(), actual.targetIsCompletion());
  }

  @Test
  void anEpochHoldsEveryDocumentOnceAndWhole() {
    TokenizedCorpus corpus = corpus(300);
    PackedBatches batches = new PackedBatches(corpus, new BatchShape(1, 64), 1, DataPosition.START);
    BitSet seen = new BitSet();
    int tokens = 0;
    while (batches.position().epoch() == 0) {
      PackedBatch row = batches.next();
      for (int i = 0; i < 64; i++) {
        if (row.documents()[i] == PackedBatch.NONE) {
          continue;
        }
        tokens++;
        int document = row.tokens()[i] / 100;
        int place = row.tokens()[i] % 100;
        assertEquals(place, row.positions()[i]);
        boolean last = place == corpus.length(document) - 1;
        assertEquals(last ? PackedBatch.NONE : row.tokens()[i] + 1, row.targets()[i]);
        assertEquals(
            !last && corpus.isCompletion(document, place + 1), row.targetIsCompletion()[i]);
        if (place == 0) {
          assertFalse(seen.get(document), "document " + document + " comes twice");
          seen.set(document);
        } else {
          assertEquals(row.documents()[i - 1], row.documents()[i]);
          assertEquals(row.tokens()[i - 1] + 1, row.tokens()[i]);
        }
      }
    }
    assertEquals(300, seen.cardinality());
    assertEquals(corpus.tokens(), tokens);
  }

  @Test
  void anEpochOfSomeDocumentsHoldsTheseOnceAndNoOthers() {
    TokenizedCorpus corpus = corpus(300);
    int[] some = IntStream.range(0, 300).filter(d -> d % 7 != 2).toArray();
    PackedBatches batches =
        new PackedBatches(corpus, some, new BatchShape(1, 64), 1, DataPosition.START);
    List<Integer> seen = new ArrayList<>();
    while (batches.position().epoch() == 0) {
      batches.next().placements().forEach(p -> seen.add(p.document()));
    }
    assertArrayEquals(some, seen.stream().mapToInt(d -> d).sorted().toArray());
  }

  @Test
  void onceEachDocumentIsThereOnceAndTheRestIsPadding() {
    TokenizedCorpus corpus = corpus(300);
    for (int count : new int[] {3, 20}) {
      int[] some = IntStream.range(0, count).map(i -> 7 * i + 1).toArray();
      List<PackedBatch> batches = PackedBatches.once(corpus, some, SHAPE);
      assertEquals(count == 3 ? 1 : 2, batches.size());
      assertArrayEquals(
          some,
          batches.stream()
              .flatMap(batch -> batch.placements().stream())
              .mapToInt(PackedBatch.Placement::document)
              .sorted()
              .toArray());
      assertEquals(
          IntStream.of(some).map(document -> corpus.length(document) - 1).sum(),
          batches.stream().mapToInt(batch -> batch.targetCount(false)).sum());
    }
  }

  @Test
  void placementsTellWhichDocumentLiesWhere() {
    TokenizedCorpus corpus = corpus(100);
    PackedBatch batch = batches(corpus, 1).next();
    int tokens = 0;
    for (PackedBatch.Placement placement : batch.placements()) {
      int[] document = corpus.document(placement.document()).tokens();
      int place = placement.place();
      assertArrayEquals(
          document, Arrays.copyOfRange(batch.tokens(), place, place + document.length));
      assertEquals(0, batch.positions()[place]);
      tokens += document.length;
    }
    assertEquals(batch.tokenCount(), tokens);
  }

  @Test
  void inOrderEveryEpochIsTheSameAndDocumentsStayNearTheirNeighbours() {
    // More than a window of the packing.
    TokenizedCorpus corpus = corpus(5000);
    PackedBatches batches = PackedBatches.inOrder(corpus, new BatchShape(1, 64));
    List<PackedBatch> epoch = new ArrayList<>();
    BitSet seen = new BitSet();
    while (batches.position().epoch() == 0) {
      epoch.add(batches.next());
      epoch.getLast().placements().forEach(p -> seen.set(p.document()));
      // The first window is done before the second one begins.
      assertTrue(seen.length() <= 4096 || seen.nextClearBit(0) >= 4096);
    }
    assertEquals(5000, seen.cardinality());
    for (PackedBatch batch : epoch) {
      assertSame(batch, batches.next());
    }
  }

  @Test
  void neighbouringDocumentsOfARowHaveDifferentNumbers() {
    PackedBatch batch = batches(corpus(100), 1).next();
    int borders = 0;
    for (int i = 1; i < batch.tokens().length; i++) {
      boolean samePlace = i % SHAPE.rowLength() != 0 && batch.documents()[i] != PackedBatch.NONE;
      if (samePlace && batch.positions()[i] == 0) {
        borders++;
        assertEquals(batch.documents()[i - 1] + 1, batch.documents()[i]);
      }
    }
    assertTrue(borders > 0, "no row holds two documents");
  }

  @Test
  void theSeedMakesTheOrder() {
    TokenizedCorpus corpus = corpus(200);
    assertSame(batches(corpus, 5).next(), batches(corpus, 5).next());
    assertFalse(
        Arrays.equals(batches(corpus, 5).next().tokens(), batches(corpus, 6).next().tokens()));
  }

  @Test
  void everyEpochHasAnotherOrder() {
    TokenizedCorpus corpus = corpus(200);
    int[] first = batches(corpus, 5).next().tokens();
    int[] second = new PackedBatches(corpus, SHAPE, 5, new DataPosition(1, 0)).next().tokens();
    assertFalse(Arrays.equals(first, second));
  }

  @Test
  void goesOnFromAPositionAsIfItHadNeverStopped() {
    TokenizedCorpus corpus = corpus(50);
    PackedBatches whole = batches(corpus, 3);
    List<DataPosition> positions = new ArrayList<>();
    List<PackedBatch> expected = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      positions.add(whole.position());
      expected.add(whole.next());
    }
    assertTrue(positions.getLast().epoch() > 0, "the test stays in one epoch");
    for (int i = 0; i < 12; i++) {
      PackedBatches resumed = new PackedBatches(corpus, SHAPE, 3, positions.get(i));
      assertSame(expected.get(i), resumed.next());
    }
  }

  @Test
  void rowsAreWellFilled() {
    PackedBatches batches = batches(corpus(2000), 1);
    // Documents of up to 40 tokens in rows of 64: close to the hardest case for packing.
    assertTrue(batches.fillRate() > 0.99, "fill rate " + batches.fillRate());
    PackedBatch batch = batches.next();
    assertTrue(batch.tokenCount() <= SHAPE.tokens());
    assertTrue(batch.targetCount(true) < batch.targetCount(false));
  }

  @Test
  void aDocumentLongerThanARowIsRefused() {
    TokenizedCorpus corpus = corpus(100);
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> new PackedBatches(corpus, new BatchShape(1, 39), 1, DataPosition.START))
            .getMessage();
    assertTrue(message.contains("40 tokens"), message);
  }

  @Test
  void aPositionOfOtherDataIsRefused() {
    DataPosition beyond = new DataPosition(0, 10_000);
    assertThrows(
        IllegalArgumentException.class, () -> new PackedBatches(corpus(100), SHAPE, 1, beyond));
  }
}
