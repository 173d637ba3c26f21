package dev.whittle.benchmark;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Batch;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import java.util.SplittableRandom;

/// The speed of llama.cpp on a model: reading a prompt, and writing a reply token by token, of
/// random tokens. The lengths are those of `llama-bench`.
///
/// @param threads threads on the CPU
/// @param repeats counted passes, after one that is not
public record InferenceBenchmark(int threads, int repeats) {
  /// Tokens of the prompt, fewer if the model's context is shorter.
  public static final int PROMPT = 512;

  /// Tokens of the reply.
  public static final int REPLY = 128;

  /// What was measured; rates are medians over the passes.
  ///
  /// @param parameters of the model
  /// @param promptTokensPerSecond tokens read in a second
  /// @param tokensPerSecond tokens written in a second
  /// @param operationsPerSecond floating-point operations of the matrix products while reading: two
  ///   for each weight and token
  /// @param peakOperationsPerSecond of a large BF16 product, measured between the passes
  /// @param share `operationsPerSecond` of the peak
  public record Result(
      long parameters,
      double promptTokensPerSecond,
      double tokensPerSecond,
      double operationsPerSecond,
      double peakOperationsPerSecond,
      double share) {}

  /// Runs the benchmark.
  public Result run(LlamaModel model) {
    int prompt = Math.min(PROMPT, model.trainedContext());
    LlamaContextOptions options =
        LlamaContextOptions.builder()
            .contextLength(Math.max(prompt, REPLY))
            .maxOutputs(1)
            .threads(threads)
            .build();
    double[] reading = new double[repeats];
    double[] writing = new double[repeats];
    double[] peaks = new double[repeats];
    try (LlamaContext context = model.newContext(options);
        Backend backend = Backend.cpu(threads);
        ProductPeak peak = new ProductPeak(backend)) {
      Pass pass = new Pass(context, model.vocabulary().size());
      for (int i = -1; i < repeats; i++) {
        double read = pass.read(prompt);
        double written = pass.write();
        double most = peak.measure();
        if (i >= 0) {
          reading[i] = read;
          writing[i] = written;
          peaks[i] = most;
        }
      }
    }
    double operations = 2.0 * model.parameters() * Median.of(reading);
    return new Result(
        model.parameters(),
        Median.of(reading),
        Median.of(writing),
        operations,
        Median.of(peaks),
        operations / Median.of(peaks));
  }

  /// Feeds a context random tokens.
  private static final class Pass {
    private final LlamaContext context;
    private final SplittableRandom random = new SplittableRandom(1);
    private final int vocabulary;

    Pass(LlamaContext context, int vocabulary) {
      this.context = context;
      this.vocabulary = vocabulary;
    }

    /// @return tokens a second
    double read(int length) {
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

    /// @return tokens a second
    double write() {
      Batch batch = new Batch(1);
      context.clear();
      long start = System.nanoTime();
      for (int i = 0; i < REPLY; i++) {
        batch.clear();
        batch.add(random.nextInt(vocabulary), i, 0, true);
        context.decode(batch);
        context.likeliestToken(0);
      }
      return REPLY * 1e9 / (System.nanoTime() - start);
    }
  }
}
