package dev.whittle.synthesis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.chat.ChatMessage;
import dev.whittle.data.Dataset;
import dev.whittle.data.Example;
import dev.whittle.data.ExampleWriter;
import dev.whittle.evaluation.BoxedAnswerGrader;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.testing.DemoModel;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SynthesisJobTest {
  @TempDir Path folder;

  private SynthesisRequest request(
      String output,
      @Nullable Path prompts,
      @Nullable Path exclude,
      long limit,
      int samples,
      double heat,
      boolean keepWrong,
      boolean resume) {
    return request(output, prompts, List.of(), exclude, limit, samples, heat, keepWrong, resume);
  }

  private SynthesisRequest request(
      String output,
      @Nullable Path prompts,
      List<String> beginnings,
      @Nullable Path exclude,
      long limit,
      int samples,
      double heat,
      boolean keepWrong,
      boolean resume) {
    SamplerOptions sampling = SamplerOptions.ofTemperature(heat, 0);
    return new SynthesisRequest(
        DemoModel.file(),
        LlamaModelOptions.defaults(),
        folder.resolve(output),
        prompts,
        beginnings,
        exclude,
        limit,
        samples,
        sampling,
        GenerationOptions.greedy(100).withThreads(2).withParallel(16).withSampling(sampling),
        keepWrong,
        0.95,
        1,
        resume,
        false);
  }

  private SynthesisRequest conversations(String output, long limit, boolean resume) {
    return request(output, null, null, limit, 1, 1, false, resume);
  }

  private static SynthesisResult run(SynthesisRequest request) throws IOException {
    return new SynthesisJob(request, new SynthesisListener() {}).run();
  }

  private static List<Example> read(Path file) {
    try (Stream<Example> examples = new Dataset(file).examples()) {
      return examples.toList();
    }
  }

  private Path prompts(int count) throws IOException {
    return Files.write(
        folder.resolve("prompts.jsonl"), Files.readAllLines(DemoModel.QUESTIONS).subList(0, count));
  }

  @Test
  void theModelTalksToItself() throws IOException {
    SynthesisRequest request = conversations("chats.jsonl", 20, false);
    SynthesisResult result = run(request);
    List<Example> chats = read(request.output());
    assertEquals(20, chats.size());
    assertEquals(20, result.counts().kept());
    assertTrue(result.counts().drawn() >= 20 && result.tokensPerSecond() > 0);
    for (Example example : chats) {
      List<ChatMessage> messages = ((Example.Chat) example).messages();
      assertEquals(
          List.of(ChatMessage.USER, ChatMessage.ASSISTANT),
          messages.stream().map(ChatMessage::role).toList());
      assertFalse(messages.toString().contains("<|im_"));
    }
    // The model has learned to answer in a box, and hardly ever fails to.
    assertTrue(chats.stream().filter(chat -> !boxes(chat).isEmpty()).count() >= 15);
    for (Example chat : chats) {
      assertEquals(boxes(chat).size() == 1 ? boxes(chat).getFirst() : null, chat.answer());
    }
    assertFalse(Files.exists(folder.resolve("chats.jsonl.part.json")));
  }

  @Test
  void theUsersTurnsBeginAsWanted() throws IOException {
    List<String> beginnings = List.of("What was the job of", "Who was born first,");
    SynthesisRequest request =
        request("facts.jsonl", null, beginnings, null, 12, 1, 1, false, false);
    run(request);
    List<String> questions =
        read(request.output()).stream()
            .map(chat -> ((Example.Chat) chat).question().getFirst().content())
            .toList();
    for (String beginning : beginnings) {
      List<String> these = questions.stream().filter(q -> q.startsWith(beginning + " ")).toList();
      assertTrue(these.size() >= 4, questions::toString);
      assertTrue(these.stream().allMatch(question -> question.endsWith("?")), these::toString);
    }
    assertTrue(
        questions.stream().allMatch(q -> beginnings.stream().anyMatch(q::startsWith)),
        questions::toString);
    assertThrows(
        IllegalArgumentException.class,
        () -> request("x.jsonl", prompts(1), beginnings, null, 1, 1, 1, false, false));
  }

  private static List<String> boxes(Example chat) {
    return BoxedAnswerGrader.boxes(((Example.Chat) chat).messages().getLast().content());
  }

  @Test
  void whatIsExcludedDoesNotOccur() throws IOException {
    SynthesisRequest first = conversations("first.jsonl", 10, false);
    run(first);
    SynthesisRequest second = request("second.jsonl", null, first.output(), 10, 1, 1, false, false);
    SynthesisResult result = run(second);
    assertTrue(result.counts().rejected().get(Rejection.EXCLUDED) >= 10);
    List<Example> both = new ArrayList<>(read(first.output()));
    both.addAll(read(second.output()));
    assertEquals(
        20, new HashSet<>(both.stream().map(e -> ((Example.Chat) e).question()).toList()).size());
  }

  @Test
  void onlyRightRepliesAreKept() throws IOException {
    List<String> lines = new ArrayList<>(Files.readAllLines(prompts(6)));
    lines.set(0, lines.get(0).replaceAll("\"answer\": \"[^\"]*\"", "\"answer\": \"no\""));
    Path prompts = Files.write(folder.resolve("one-wrong.jsonl"), lines);
    SynthesisRequest right = request("a.jsonl", prompts, null, 0, 2, 0.1, false, false);
    SynthesisResult result = run(right);
    assertEquals(12, result.counts().drawn());
    assertTrue(result.counts().rejected().get(Rejection.WRONG) >= 2, result::toString);
    for (Example reply : read(right.output())) {
      assertTrue(boxes(reply).contains(reply.answer()));
    }
    SynthesisRequest all = request("b.jsonl", prompts, null, 0, 2, 0.1, true, false);
    assertFalse(run(all).counts().rejected().containsKey(Rejection.WRONG));
    assertTrue(read(all.output()).size() > read(right.output()).size());
  }

  @Test
  void whereNothingIsKeptNothingIsWritten() throws IOException {
    Path prompts =
        Files.writeString(
            folder.resolve("wrong.jsonl"), "{\"prompt\": \"1+1=\", \"answer\": \"no\"}\n");
    SynthesisRequest request = request("none.jsonl", prompts, null, 0, 2, 1, false, false);
    assertEquals(0, run(request).counts().kept());
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(prompts), files.toList());
    }
  }

  @Test
  void aKilledRunGoesOnToTheSameDataSet() throws IOException {
    SynthesisRequest whole = request("whole.jsonl", prompts(8), null, 0, 2, 1, true, false);
    run(whole, 5);
    SynthesisRequest killed = request("killed.jsonl", prompts(8), null, 0, 2, 1, true, false);
    assertThrows(
        IllegalStateException.class,
        () ->
            new SynthesisJob(
                    killed,
                    new SynthesisListener() {
                      @Override
                      public void generated(long done, long total, double tokensPerSecond) {
                        if (done > 11) {
                          throw new IllegalStateException("killed");
                        }
                      }
                    },
                    5)
                .run());
    assertFalse(Files.exists(killed.output()));
    // What a process wrote behind the last account.
    Files.writeString(folder.resolve("killed.jsonl.part"), "{\"mess", StandardOpenOption.APPEND);
    assertThrows(SynthesisException.class, () -> run(killed));
    SynthesisRequest other = request("killed.jsonl", prompts(8), null, 0, 2, 1.1, true, true);
    assertTrue(
        assertThrows(SynthesisException.class, () -> run(other)).getMessage().contains("turns"));
    SynthesisResult result = run(request("killed.jsonl", prompts(8), null, 0, 2, 1, true, true), 5);
    assertEquals(16, result.counts().drawn());
    assertEquals(-1, Files.mismatch(whole.output(), killed.output()));
  }

  private static SynthesisResult run(SynthesisRequest request, int round) throws IOException {
    return new SynthesisJob(request, new SynthesisListener() {}, round).run();
  }

  @Test
  void twoRunsAtOnceDoNotWriteTheSameDataSet() throws IOException {
    Path output = folder.resolve("chats.jsonl");
    try (UnfinishedDataset _ = UnfinishedDataset.open(output, Map.of(), false, false)) {
      SynthesisException e =
          assertThrows(
              SynthesisException.class,
              () -> UnfinishedDataset.open(output, Map.of(), true, true).close());
      assertEquals(
          "another process writes " + output + "; wait for it, or choose another name",
          e.getMessage());
    }
    try (UnfinishedDataset _ = UnfinishedDataset.open(output, Map.of(), false, false);
        Stream<Path> files = Files.list(folder)) {
      assertEquals(2, files.filter(f -> f.toString().startsWith(output.toString())).count());
    }
  }

  @Test
  void anOutputIsNotOverwritten() throws IOException {
    Files.writeString(folder.resolve("there.jsonl"), "");
    assertThrows(
        FileAlreadyExistsException.class, () -> run(conversations("there.jsonl", 1, false)));
    assertEquals(0, Files.size(folder.resolve("there.jsonl")));
  }

  @Test
  void whatIsWrittenIsReadAgain() throws IOException {
    List<ChatMessage> messages =
        List.of(new ChatMessage("user", "a \"b\"\n\u2028"), new ChatMessage("assistant", "ü"));
    List<Example> examples =
        List.of(
            new Example.Chat(1, messages, "7", "math"),
            new Example.PromptCompletion(2, "p", "c", null, "d"),
            new Example.Text(3, "t", null, null));
    Path file =
        Files.write(
            folder.resolve("data.jsonl"), examples.stream().map(ExampleWriter::line).toList());
    assertEquals(examples, read(file));
  }
}
