package dev.whittle.synthesis;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DuplicatesTest {
  private static final String LONG = words(200, 1);

  private static String words(int count, long seed) {
    Random random = new Random(seed);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append(Integer.toString(random.nextInt(36 * 36 * 36 * 36), 36)).append(' ');
    }
    return text.toString();
  }

  @Test
  void caseAndSpacesDoNotCount() {
    Duplicates duplicates = new Duplicates(2);
    assertEquals(Optional.empty(), duplicates.add("What is  1 + 2?\n"));
    assertEquals(Optional.of(Rejection.DUPLICATE), duplicates.add("what is 1 + 2?"));
    assertEquals(Optional.empty(), duplicates.add("What is 1 - 2?"));
  }

  @Test
  void aChangedWordInALongTextIsANearDuplicate() {
    Duplicates duplicates = new Duplicates(0.9);
    assertEquals(Optional.empty(), duplicates.add(LONG));
    assertEquals(Optional.of(Rejection.NEAR_DUPLICATE), duplicates.add(LONG + "end"));
    assertEquals(Optional.empty(), duplicates.add(words(200, 2)));
  }

  @Test
  void anotherNumberMakesAShortQuestionAnother() {
    Duplicates duplicates = new Duplicates(0.95);
    for (int i = 0; i < 50; i++) {
      assertEquals(Optional.empty(), duplicates.add("Compute (49 + 16) * 4 - " + i + "."));
    }
  }

  /// Half of a text's runs in common with another's, of one and a half times as many.
  @Test
  void theThresholdIsTheShareOfRunsInCommon() {
    String half = words(200, 3);
    assertEquals(
        Optional.of(Rejection.NEAR_DUPLICATE), secondOf(0.7, LONG + half, LONG + half + "more"));
    assertEquals(Optional.empty(), secondOf(0.7, LONG + half, LONG + words(200, 4)));
  }

  private static Optional<Rejection> secondOf(double threshold, String first, String second) {
    Duplicates duplicates = new Duplicates(threshold);
    duplicates.add(first);
    return duplicates.add(second);
  }

  @Test
  void longTextsAreComparedByASample() {
    Random random = new Random(1);
    List<String> words =
        Stream.generate(() -> Integer.toString(random.nextInt(1_000_000), 36)).limit(2000).toList();
    Duplicates duplicates = new Duplicates(0.9);
    assertEquals(Optional.empty(), duplicates.add(String.join(" ", words)));
    // A changed word takes some nine runs of the 14,000 with it, and brings as many.
    assertEquals(Optional.of(Rejection.NEAR_DUPLICATE), duplicates.add(withoutEvery(100, words)));
    assertEquals(Optional.empty(), duplicates.add(withoutEvery(10, words)));
  }

  private static String withoutEvery(int period, List<String> words) {
    return IntStream.range(0, words.size())
        .mapToObj(i -> i % period == 0 ? "another" : words.get(i))
        .collect(Collectors.joining(" "));
  }

  @Test
  void aTextShorterThanARunIsCompared() {
    Duplicates duplicates = new Duplicates(0.95);
    assertEquals(Optional.empty(), duplicates.add(""));
    assertEquals(Optional.empty(), duplicates.add("a"));
    assertEquals(Optional.of(Rejection.DUPLICATE), duplicates.add("A"));
  }
}
