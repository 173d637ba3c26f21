package dev.whittle.evaluation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.testing.DemoModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class BatchedGeneratorTest {
  private static LlamaModel model;
  private static List<int[]> prompts;

  @BeforeAll
  static void load() {
    model = DemoModel.load();
    DocumentTokenizer tokenizer = new DocumentTokenizer(model);
    prompts =
        Questions.read(new Dataset(DemoModel.QUESTIONS), 12).stream()
            .map(tokenizer::prompt)
            .toList();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static GenerationOptions greedy() {
    return GenerationOptions.greedy(60).withThreads(1);
  }

  private static List<Generation> generate(GenerationOptions options) {
    return new BatchedGenerator(model, options).generate(prompts);
  }

  private static boolean same(Generation a, Generation b) {
    return Arrays.equals(a.tokens(), b.tokens()) && a.truncated() == b.truncated();
  }

  @Test
  void batchedRepliesAreThoseOfOneAtATime() {
    List<Generation> single = generate(greedy().withParallel(1));
    List<Generation> batched = generate(greedy().withParallel(5));
    List<Generation> concurrent = generate(greedy().withParallel(5).withThreads(2));
    // Other shapes take other kernels, so a near tie may be decided otherwise: one of twelve.
    assertTrue(
        IntStream.range(0, 12).filter(i -> same(single.get(i), batched.get(i))).count() > 10);
    assertTrue(
        IntStream.range(0, 12).filter(i -> same(single.get(i), concurrent.get(i))).count() > 10);
  }

  @Test
  void aReplyEndsWithTheTokenThatEndsIt() {
    for (Generation reply : generate(greedy())) {
      int last = reply.tokens()[reply.tokens().length - 1];
      assertEquals(!reply.truncated(), model.vocabulary().isEndOfGeneration(last));
    }
  }

  @Test
  void aReplyIsCutOff() {
    for (Generation reply : generate(GenerationOptions.greedy(3).withThreads(1))) {
      assertTrue(reply.truncated());
      assertEquals(3, reply.tokens().length);
    }
  }

  @Test
  void theContextCutsAReplyOff() {
    int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
    List<Generation> replies = generate(greedy().withContextLength(longest + 2));
    for (int i = 0; i < prompts.size(); i++) {
      int room = longest + 2 - prompts.get(i).length;
      assertTrue(replies.get(i).tokens().length <= room);
    }
    assertThrows(
        IllegalArgumentException.class, () -> generate(greedy().withContextLength(longest)));
  }

  @Test
  void whatPromptsGiveIsNotCountedAsWritten() {
    BatchedGenerator.Speed speed =
        new BatchedGenerator(model, greedy()).generate(prompts, reply -> {});
    assertTrue(speed.promptTokensPerSecond() > 0 && speed.tokensPerSecond() > 0, speed::toString);
    // The first token of a reply comes out of reading its prompt.
    BatchedGenerator.Speed read =
        new BatchedGenerator(model, GenerationOptions.greedy(1).withThreads(1))
            .generate(prompts, reply -> {});
    assertEquals(0, read.tokensPerSecond());
    assertTrue(read.promptTokensPerSecond() > 0);
  }

  @Test
  void aReplyWithoutEndHasAllItsTokens() {
    for (Generation reply : generate(greedy().withoutEnd())) {
      assertEquals(60, reply.tokens().length);
      assertTrue(reply.truncated());
    }
  }

  @Test
  void aPromptLongerThanABatchIsReadInPieces() {
    int[] prompt = prompts.getFirst();
    int[] text = new int[1200];
    Arrays.setAll(text, i -> prompt[i % prompt.length]);
    List<Generation> replies =
        new BatchedGenerator(model, GenerationOptions.greedy(2).withThreads(1))
            .generate(List.of(text, prompt));
    assertEquals(2, replies.get(0).tokens().length);
    assertArrayEquals(
        Arrays.copyOf(generate(greedy()).getFirst().tokens(), 2), replies.get(1).tokens());
  }

  @Test
  void theSeedMakesTheReplies() {
    GenerationOptions hot = greedy().withSampling(SamplerOptions.ofTemperature(1.5, 7));
    List<Generation> first = generate(hot);
    List<Generation> again = generate(hot);
    List<Generation> other = generate(hot.withSampling(SamplerOptions.ofTemperature(1.5, 100)));
    assertTrue(IntStream.range(0, 12).allMatch(i -> same(first.get(i), again.get(i))));
    assertFalse(IntStream.range(0, 12).allMatch(i -> same(first.get(i), other.get(i))));
  }

  @Test
  void theSamePromptIsAnsweredDifferentlyWhenSampling() {
    List<int[]> group = List.of(prompts.getFirst(), prompts.getFirst(), prompts.getFirst());
    GenerationOptions hot = greedy().withSampling(SamplerOptions.ofTemperature(2, 1));
    List<Generation> replies = new BatchedGenerator(model, hot).generate(group);
    assertFalse(same(replies.get(0), replies.get(1)) && same(replies.get(1), replies.get(2)));
  }

  @Test
  void everyPromptIsAnsweredOnce() {
    List<Integer> finished = new ArrayList<>();
    new BatchedGenerator(model, greedy().withParallel(3))
        .generate(prompts, reply -> finished.add(reply.prompt()));
    finished.sort(null);
    assertEquals(IntStream.range(0, 12).boxed().toList(), finished);
  }

  @Test
  void anEmptyPromptIsRefused() {
    BatchedGenerator generator = new BatchedGenerator(model, greedy());
    List<int[]> empty = List.of(new int[0]);
    assertThrows(IllegalArgumentException.class, () -> generator.generate(empty));
    assertEquals(List.of(), generator.generate(List.of()));
  }

  @Test
  void whatTheListenerThrowsComesOut() {
    BatchedGenerator generator = new BatchedGenerator(model, greedy().withThreads(2));
    assertThrows(
        UnsupportedOperationException.class,
        () ->
            generator.generate(
                prompts,
                reply -> {
                  throw new UnsupportedOperationException();
                }));
  }
}
