package dev.whittle.evaluation;

import dev.whittle.ggml.Batch;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.ggml.Vocabulary;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Generates replies to many prompts at once. Each reply has a sequence of the context to itself;
/// when one is finished, the next prompt takes its place at once, so that the batches stay full.
public final class BatchedGenerator {
  /// Prompts are read in pieces of what a batch has left beside the replies.
  private static final int PROMPT_ROOM = 512;

  private final LlamaModel model;
  private final Vocabulary vocabulary;
  private final GenerationOptions options;

  public BatchedGenerator(LlamaModel model, GenerationOptions options) {
    this.model = model;
    this.vocabulary = model.vocabulary();
    this.options = options;
  }

  /// The replies to these prompts, in their order.
  public List<Generation> generate(List<int[]> prompts) {
    Generation[] replies = new Generation[prompts.size()];
    generate(prompts, reply -> replies[reply.prompt()] = reply);
    return Arrays.asList(replies);
  }

  /// Generates the replies to these prompts.
  ///
  /// @param prompts token ids, at least one each
  /// @param finished is given each reply as it is finished, one at a time and in no certain order
  public void generate(List<int[]> prompts, Consumer<Generation> finished) {
    if (prompts.isEmpty()) {
      return;
    }
    if (prompts.stream().anyMatch(prompt -> prompt.length == 0)) {
      throw new IllegalArgumentException("a prompt without tokens");
    }
    int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
    ContextWorkers workers = ContextWorkers.of(model, options.threads(), prompts.size());
    int parallel = Math.min(options.parallel(), prompts.size());
    int sequences = Math.ceilDiv(parallel, workers.count());
    int length = Math.addExact(longest, options.maxNewTokens());
    LlamaContextOptions contextOptions =
        LlamaContextOptions.builder()
            .contextLength(Math.multiplyExact(length, sequences))
            .sequences(sequences)
            .batchSize(PROMPT_ROOM + sequences)
            .maxOutputs(sequences)
            .threads(workers.threads())
            .build();
    Queue queue = new Queue(prompts, new AtomicInteger(), finished);
    workers.run(worker -> {
      try (LlamaContext context = model.newContext(contextOptions);
          Run run = new Run(context, queue)) {
        run.toTheEnd();
      }
    });
  }

  /// What the workers share.
  private record Queue(List<int[]> prompts, AtomicInteger next, Consumer<Generation> finished) {
    void finish(Generation reply) {
      synchronized (finished) {
        finished.accept(reply);
      }
    }
  }

  /// One worker's pass over the prompts.
  private final class Run implements AutoCloseable {
    private final LlamaContext context;
    private final Queue queue;
    private final Batch batch;

    /// The reply of each sequence, where there is one.
    private final @Nullable Reply[] slots;

    Run(LlamaContext context, Queue queue) {
      this.context = context;
      this.queue = queue;
      this.batch = new Batch(context.batchSize());
      this.slots = new Reply[context.sequences()];
    }

    void toTheEnd() {
      for (fillBatch(); !batch.isEmpty(); fillBatch()) {
        context.decode(batch);
        for (int sequence = 0; sequence < slots.length; sequence++) {
          advance(sequence);
        }
      }
    }

    /// The sequences go in ascending order: llama.cpp computes neighbours together.
    private void fillBatch() {
      batch.clear();
      int promptRoom = PROMPT_ROOM;
      for (int sequence = 0; sequence < slots.length; sequence++) {
        if (slots[sequence] == null && promptRoom > 0) {
          slots[sequence] = nextReply(sequence);
        }
        Reply reply = slots[sequence];
        if (reply == null) {
          continue;
        }
        if (reply.isReadingPrompt()) {
          promptRoom -= reply.feed(batch, promptRoom);
        } else {
          reply.feed(batch, 1);
        }
      }
    }

    private @Nullable Reply nextReply(int sequence) {
      int prompt = queue.next().getAndIncrement();
      return prompt < queue.prompts().size()
          ? new Reply(prompt, queue.prompts().get(prompt), sequence, choiceFor(prompt))
          : null;
    }

    private void advance(int sequence) {
      Reply reply = slots[sequence];
      if (reply == null || !reply.hasLogits()) {
        return;
      }
      int token = reply.choose(context);
      boolean ended = vocabulary.isEndOfGeneration(token);
      if (ended || reply.length() == options.maxNewTokens()) {
        context.removeSequence(sequence);
        slots[sequence] = null;
        reply.close();
        queue.finish(reply.result(!ended));
      }
    }

    @Override
    public void close() {
      for (Reply reply : slots) {
        if (reply != null) {
          reply.close();
        }
      }
    }
  }

  private TokenChoice choiceFor(int prompt) {
    SamplerOptions sampling = options.sampling();
    return sampling == null ? TokenChoice.LIKELIEST : TokenChoice.drawn(sampling, prompt);
  }
}
