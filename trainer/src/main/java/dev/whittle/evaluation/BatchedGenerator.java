package dev.whittle.evaluation;

import dev.whittle.ggml.Batch;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.ggml.Vocabulary;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Generates replies to many prompts at once. Each reply has a sequence of the context to itself;
/// when some are finished, the next prompts take their places, so that the batches stay full.
///
/// A batch holds either pieces of prompts or a token of each reply: llama.cpp would compute a
/// mixture piece by piece anyway.
public final class BatchedGenerator {
  /// Prompts are read in pieces of so many tokens, of all prompts together.
  private static final int PROMPT_ROOM = 512;

  /// Places are filled once one of so many is free: reading a prompt holds up all the replies, and
  /// several are read in hardly more time than one.
  private static final int SEATING_SHARE = 8;

  /// What a batch of one token from each of 32 sequences gains over a single one is most of what
  /// there is to gain on a CPU.
  private static final int SEQUENCES_ON_HOST = 32;

  /// As many as a context of llama.cpp can hold: a GPU only works at its full rate on many.
  private static final int SEQUENCES_ON_DEVICE = LlamaContextOptions.MOST_SEQUENCES;

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

  /// How fast replies were generated, by all workers together.
  ///
  /// @param promptTokensPerSecond tokens read in a second, while prompts were being read
  /// @param tokensPerSecond tokens written in a second, while replies were being written; 0 if
  ///   every reply ended with its first token, which comes out of reading the prompt
  public record Speed(double promptTokensPerSecond, double tokensPerSecond) {
    private static final Speed NONE = new Speed(0, 0);

    private Speed plus(Speed other) {
      return new Speed(
          promptTokensPerSecond + other.promptTokensPerSecond,
          tokensPerSecond + other.tokensPerSecond);
    }
  }

  /// Generates the replies to these prompts.
  ///
  /// @param prompts token ids, at least one each
  /// @param finished is given each reply as it is finished, one at a time and in no certain order
  public Speed generate(List<int[]> prompts, Consumer<Generation> finished) {
    if (prompts.isEmpty()) {
      return Speed.NONE;
    }
    if (prompts.stream().anyMatch(prompt -> prompt.length == 0)) {
      throw new IllegalArgumentException("a prompt without tokens");
    }
    int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
    ContextWorkers workers = workers(prompts.size());
    int sequences = sequences(workers, prompts.size());
    long length = (long) longest + options.maxNewTokens();
    if (options.contextLength() != 0) {
      if (longest >= options.contextLength()) {
        throw new IllegalArgumentException(
            "a prompt of %d tokens leaves no room for a reply in a context of %d"
                .formatted(longest, options.contextLength()));
      }
      length = Math.min(length, options.contextLength());
    }
    LlamaContextOptions contextOptions =
        LlamaContextOptions.builder()
            .contextLength(Math.toIntExact(Math.multiplyExact(length, (long) sequences)))
            .sequences(sequences)
            .batchSize(Math.max(PROMPT_ROOM, sequences))
            .maxOutputs(sequences)
            .threads(workers.threads())
            .attention(options.attention())
            .evalCallback(options.evalCallback())
            .build();
    Queue queue = new Queue(prompts, workers.count(), finished);
    Speed[] speeds = new Speed[workers.count()];
    workers.run(worker -> {
      try (LlamaContext context = model.newContext(contextOptions);
          Run run = new Run(context, queue, worker)) {
        speeds[worker] = run.toTheEnd();
      }
    });
    return Arrays.stream(speeds).reduce(Speed.NONE, Speed::plus);
  }

  /// How many of so many prompts are replied to at once.
  public int parallel(int prompts) {
    ContextWorkers workers = workers(prompts);
    return Math.min(prompts, workers.count() * sequences(workers, prompts));
  }

  private ContextWorkers workers(int prompts) {
    return ContextWorkers.of(model, options.threads(), prompts);
  }

  /// How many sequences each of the workers has.
  private int sequences(ContextWorkers workers, int prompts) {
    int wanted = model.isOffloaded() ? SEQUENCES_ON_DEVICE : SEQUENCES_ON_HOST;
    if (options.parallel() != 0) {
      wanted = Math.ceilDiv(options.parallel(), workers.count());
    }
    return Math.min(wanted, Math.ceilDiv(prompts, workers.count()));
  }

  /// What the workers share. Each has its own part of the prompts, every so-many-th of them: what
  /// is in a batch together decides the last bits of the logits, so the same prompts get the same
  /// replies again.
  private record Queue(List<int[]> prompts, int workers, Consumer<Generation> finished) {
    void finish(Generation reply) {
      synchronized (finished) {
        finished.accept(reply);
      }
    }
  }

  /// Tokens, and the time that they took.
  private static final class Stretch {
    private long tokens;
    private long nanoseconds;

    void add(int count, long time) {
      tokens += count;
      nanoseconds += time;
    }

    double rate() {
      return tokens == 0 ? 0 : tokens * 1e9 / nanoseconds;
    }
  }

  /// One worker's pass over the prompts.
  private final class Run implements AutoCloseable {
    private final LlamaContext context;
    private final Queue queue;
    private final Batch batch;
    private int nextPrompt;

    /// The reply of each sequence, where there is one.
    private final @Nullable Reply[] slots;

    Run(LlamaContext context, Queue queue, int worker) {
      this.context = context;
      this.queue = queue;
      this.nextPrompt = worker;
      this.batch = new Batch(context.batchSize());
      this.slots = new Reply[context.sequences()];
    }

    Speed toTheEnd() {
      Stretch reading = new Stretch();
      Stretch writing = new Stretch();
      while (true) {
        seatReplies();
        batch.clear();
        boolean prompts = feedPrompts();
        if (!prompts) {
          feedReplies();
        }
        if (batch.isEmpty()) {
          return new Speed(reading.rate(), writing.rate());
        }
        long start = System.nanoTime();
        context.decode(batch);
        for (int sequence = 0; sequence < slots.length; sequence++) {
          advance(sequence);
        }
        (prompts ? reading : writing).add(batch.size(), System.nanoTime() - start);
      }
    }

    private void seatReplies() {
      long free = Arrays.stream(slots).filter(Objects::isNull).count();
      if (free < Math.max(1, slots.length / SEATING_SHARE)) {
        return;
      }
      for (int sequence = 0; sequence < slots.length; sequence++) {
        if (slots[sequence] == null) {
          slots[sequence] = nextReply(sequence);
        }
      }
    }

    /// The sequences go in ascending order: llama.cpp computes neighbours together.
    ///
    /// @return whether there was anything to read
    private boolean feedPrompts() {
      int room = PROMPT_ROOM;
      for (Reply reply : slots) {
        if (reply != null && reply.isReadingPrompt()) {
          room -= reply.feed(batch, room);
        }
      }
      return room < PROMPT_ROOM;
    }

    private void feedReplies() {
      for (Reply reply : slots) {
        if (reply != null) {
          reply.feed(batch, 1);
        }
      }
    }

    private @Nullable Reply nextReply(int sequence) {
      int prompt = nextPrompt;
      if (prompt >= queue.prompts().size()) {
        return null;
      }
      nextPrompt += queue.workers();
      return new Reply(prompt, queue.prompts().get(prompt), sequence, choiceFor(prompt));
    }

    private void advance(int sequence) {
      Reply reply = slots[sequence];
      // Of a prompt only the last piece asks for logits.
      if (reply == null || !reply.hasLogits()) {
        return;
      }
      int token = reply.choose(context);
      boolean ended = !options.endless() && vocabulary.isEndOfGeneration(token);
      if (ended || reply.length() == options.maxNewTokens() || isFull(reply)) {
        context.removeSequence(sequence);
        slots[sequence] = null;
        reply.close();
        queue.finish(reply.result(!ended));
      }
    }

    private boolean isFull(Reply reply) {
      return options.contextLength() != 0 && reply.size() == options.contextLength();
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
