package dev.whittle.benchmark;

import dev.whittle.autograd.Kernels;
import dev.whittle.evaluation.BatchedGenerator;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Batch;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/// The speed of llama.cpp on a model, of random tokens: reading a prompt, writing a reply token by
/// token, and writing many replies at once as `eval` does it. The first two are what `llama-bench`
/// measures, with its lengths (`pp512`, `tg128`); the third is `llama-batched-bench -npp 1 -ntg 128
/// -npl 32`.
///
/// @param threads threads on the CPU
/// @param attention how attention is computed, and the types of the cache
/// @param repeats counted passes of each kind, after some that are not
public record InferenceBenchmark(int threads, AttentionOptions attention, int repeats) {
  /// Tokens of the prompt, fewer if the model's context is shorter.
  public static final int PROMPT = 512;

  /// Tokens of a reply.
  public static final int REPLY = 128;

  /// Replies that are written at once.
  public static final int PARALLEL = 32;

  /// Java compiles what runs often: a small model's first few thousand tokens wait for it as long
  /// as for the model. Only the compiled code counts.
  private static final double WARM_UP_SECONDS = 1.5;

  /// What was measured.
  ///
  /// @param parameters of the model
  /// @param promptTokensPerSecond tokens read in a second
  /// @param tokensPerSecond tokens of one reply written in a second
  /// @param parallelTokensPerSecond tokens of many replies written in a second, all together
  /// @param operationsPerSecond floating-point operations of the matrix products while reading: two
  ///   for each token and weight of the layers. The head is computed for the last token only
  /// @param peakOperationsPerSecond of a large BF16 product by ggml on the CPU, measured between
  ///   the passes
  /// @param share `operationsPerSecond` of the greatest peak: other programs can only lower one
  public record Result(
      long parameters,
      Measurement promptTokensPerSecond,
      Measurement tokensPerSecond,
      Measurement parallelTokensPerSecond,
      double operationsPerSecond,
      Measurement peakOperationsPerSecond,
      double share) {}

  /// How many passes are counted.
  public int passes() {
    return 3 * repeats;
  }

  /// Runs the benchmark: each kind of work back to back, as `llama-bench` does.
  ///
  /// @param passDone hears of each counted pass, from 1 to [#passes]
  public Result run(LlamaModel model, IntConsumer passDone) {
    LlamaContextOptions options =
        LlamaContextOptions.builder()
            .contextLength(Math.max(prompt(model), REPLY))
            .maxOutputs(1)
            .threads(threads)
            .attention(attention)
            .build();
    double[] reading = new double[repeats];
    double[] writing = new double[repeats];
    double[] together = new double[repeats];
    double[] peaks = new double[repeats];
    try (LlamaContext context = model.newContext(options);
        Backend backend = Backend.cpu(threads);
        ProductPeak peak = new ProductPeak(backend, Kernels.ggml())) {
      Work work = new Work(context);
      work.read();
      for (int i = 0; i < repeats; i++) {
        reading[i] = work.read();
        peaks[i] = peak.measure();
        passDone.accept(i + 1);
      }
      warmUp(work);
      for (int i = 0; i < repeats; i++) {
        writing[i] = work.write();
        passDone.accept(repeats + i + 1);
      }
      work.writeTogether();
      for (int i = 0; i < repeats; i++) {
        together[i] = work.writeTogether();
        passDone.accept(2 * repeats + i + 1);
      }
    }
    Measurement read = Measurement.of(reading);
    Measurement most = Measurement.of(peaks);
    double operations = 2.0 * layerWeights(model) * read.median();
    return new Result(
        model.parameters(),
        read,
        Measurement.of(writing),
        Measurement.of(together),
        operations,
        most,
        operations / most.max());
  }

  private static long layerWeights(LlamaModel model) {
    try (GgufFile file = GgufFile.open(model.path())) {
      return file.tensors().stream()
          .filter(tensor -> tensor.name().startsWith("blk."))
          .mapToLong(TensorInfo::elements)
          .sum();
    }
  }

  private static void warmUp(Work work) {
    long start = System.nanoTime();
    do {
      work.write();
    } while (System.nanoTime() - start < WARM_UP_SECONDS * 1e9);
  }

  private static int prompt(LlamaModel model) {
    return Math.min(PROMPT, model.trainedContext());
  }

  /// What is measured. All methods return tokens a second.
  private final class Work {
    private final LlamaContext context;
    private final LlamaModel model;
    private final int vocabulary;
    private final SplittableRandom random = new SplittableRandom(1);

    Work(LlamaContext context) {
      this.context = context;
      this.model = context.model();
      this.vocabulary = model.vocabulary().size();
    }

    double read() {
      int length = prompt(model);
      Batch batch = new Batch(length);
      for (int i = 0; i < length; i++) {
        batch.add(random.nextInt(vocabulary), i, 0, i == length - 1);
      }
      context.clear();
      long start = System.nanoTime();
      context.decode(batch);
      // The work may still be under way until a result is asked for.
      context.likeliestToken(length - 1);
      return length * 1e9 / (System.nanoTime() - start);
    }

    double write() {
      Batch batch = new Batch(1);
      // llama.cpp builds a graph for the first token that serves the others too.
      write(batch, 1);
      long start = System.nanoTime();
      write(batch, REPLY);
      return REPLY * 1e9 / (System.nanoTime() - start);
    }

    private void write(Batch batch, int tokens) {
      context.clear();
      for (int i = 0; i < tokens; i++) {
        batch.clear();
        batch.add(random.nextInt(vocabulary), i, 0, true);
        context.decode(batch);
        context.likeliestToken(0);
      }
    }

    double writeTogether() {
      List<int[]> prompts =
          IntStream.range(0, PARALLEL)
              .mapToObj(i -> new int[] {random.nextInt(vocabulary)})
              .toList();
      GenerationOptions options =
          GenerationOptions.greedy(REPLY)
              .withParallel(PARALLEL)
              .withThreads(threads)
              .withAttention(attention)
              .withoutEnd();
      return new BatchedGenerator(model, options).generate(prompts, reply -> {}).tokensPerSecond();
    }
  }
}
