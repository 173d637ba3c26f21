package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.DataException;
import dev.whittle.data.Overlong;
import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.model.BatchShape;
import dev.whittle.training.DecayTarget;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.ScaleMode;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OnPolicyTest {
  private static OnPolicy of(String share) {
    return new OnPolicy(Ramp.parse(share), LossSchedule.of(Objective.REVERSE_KL), 1, 10);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0.25 | 8 | 4 8",
        "0.1 | 30 | 10 20 30",
        "1 | 3 | 1 2 3",
        "0..1@0.5-1 | 9 | 8 9",
        "1..0@0.5 | 9 | 1 3"
      })
  void stepsAreSpreadAsTheShareAllows(String share, int steps, String wanted) {
    int[] numbers = of(share).steps(steps).stream().toArray();
    assertEquals(wanted, String.join(" ", IntStream.of(numbers).mapToObj(i -> "" + i).toList()));
  }

  @Test
  void whatMakesNoSenseIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> of("1.5"));
    assertThrows(IllegalArgumentException.class, () -> of("0"));
    LossSchedule text = LossSchedule.parse("reverse-kl,ce:0.1", 1);
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> new OnPolicy(Ramp.parse("0.5"), text, 1, 10));
    assertTrue(e.getMessage().contains("'ce'"), e.getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () -> new OnPolicy(Ramp.parse("0.5"), LossSchedule.of(Objective.JSD), 0, 10));
  }

  @Test
  void bothLossesShareTheTemperatureAndTheWeightsOfTokens() {
    OnPolicy onPolicy = of("0.5");
    settings(LossSchedule.parse("forward-kl", 1), onPolicy);
    LossSchedule warm = LossSchedule.parse("forward-kl", 2);
    assertThrows(IllegalArgumentException.class, () -> settings(warm, onPolicy));
    LossSchedule weighed = LossSchedule.parse("forward-kl", 1, TokenWeights.ENTROPY);
    assertThrows(IllegalArgumentException.class, () -> settings(weighed, onPolicy));
  }

  private static DistillationSettings settings(LossSchedule loss, OnPolicy onPolicy) {
    return new DistillationSettings(
        loss,
        true,
        Forward.DECODED,
        MomentType.F32,
        ScaleMode.REFIT,
        1,
        64,
        64,
        64,
        Overlong.REFUSE,
        1e-4,
        1,
        0,
        0,
        0,
        DecayTarget.ZERO,
        0,
        1,
        1,
        onPolicy);
  }

  /// A document whose tokens from each of some places on are produced, to the next place exclusive.
  private static TokenizedDocument document(int[] tokens, int... places) {
    BitSet produced = new BitSet();
    for (int i = 0; i < places.length; i += 2) {
      produced.set(places[i], places[i + 1]);
    }
    return new TokenizedDocument(tokens, produced);
  }

  @Test
  void aPromptIsWhatComesBeforeTheLastReply() {
    int[] tokens = {1, 2, 3, 4, 5, 6, 7};
    assertArrayEquals(new int[] {1, 2, 3, 4, 5}, document(tokens, 2, 3, 5, 7).prompt());
    assertArrayEquals(new int[] {1, 2}, document(tokens, 2, 6).prompt());
    assertArrayEquals(new int[0], document(tokens, 0, 7).prompt());
    assertArrayEquals(new int[0], document(tokens).prompt());
  }

  @Test
  void everyPromptComesOnceInAnEpoch() {
    List<TokenizedDocument> documents = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      documents.add(document(new int[] {i, 50, 51}, 1, 3));
    }
    documents.add(document(new int[] {99, 50, 51}, 0, 3));
    TokenizedCorpus corpus = TokenizedCorpus.of(documents);
    Prompts prompts = Prompts.of(corpus, IntStream.range(0, 11).toArray(), 3);
    List<Integer> first = prompts.from(0, 10).stream().map(prompt -> prompt[0]).toList();
    List<Integer> second = prompts.from(10, 10).stream().map(prompt -> prompt[0]).toList();
    List<Integer> sorted = IntStream.range(0, 10).boxed().toList();
    assertEquals(sorted, first.stream().sorted().toList());
    assertEquals(sorted, second.stream().sorted().toList());
    assertTrue(!first.equals(second));
    List<Integer> across = prompts.from(7, 6).stream().map(prompt -> prompt[0]).toList();
    assertEquals(first.subList(7, 10), across.subList(0, 3));
    assertEquals(second.subList(0, 3), across.subList(3, 6));
    assertThrows(DataException.class, () -> Prompts.of(corpus, new int[] {10}, 3));
  }

  @Test
  void onlyTheTokensOfRepliesAreTargets() {
    List<TokenizedDocument> documents = new ArrayList<>();
    for (int i = 1; i < 8; i++) {
      documents.add(TokenizedDocument.replied(new int[i], IntStream.range(0, 9 - i).toArray()));
    }
    List<PackedBatch> batches =
        PackedBatches.once(TokenizedCorpus.of(documents), new BatchShape(2, 32));
    int tokens = documents.stream().mapToInt(d -> d.completion().cardinality()).sum();
    assertEquals(
        tokens, batches.stream().mapToInt(b -> b.withoutGivenTargets().targetCount(false)).sum());
    assertTrue(batches.stream().mapToInt(b -> b.targetCount(false)).sum() > tokens);
    assertEquals(
        documents.stream().mapToInt(TokenizedDocument::length).sum(),
        batches.stream().mapToInt(PackedBatch::tokenCount).sum());
  }
}
