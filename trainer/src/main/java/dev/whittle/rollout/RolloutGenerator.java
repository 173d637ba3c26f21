package dev.whittle.rollout;

import dev.whittle.evaluation.BatchedGenerator;
import dev.whittle.evaluation.Generation;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.gguf.GgufFile;
import dev.whittle.training.TrainedWeights;
import java.io.IOException;
import java.util.List;

/// Lets a model in training write replies, by llama.cpp.
public final class RolloutGenerator implements AutoCloseable {
  private final ModelInTraining model;
  private final GenerationOptions options;
  private final SamplerOptions sampling;

  /// @param source what the metadata are taken from; must stay open
  /// @param type of the model
  /// @param options how replies are generated, but for the sampling
  /// @param temperature at which tokens are drawn from all there are
  /// @throws IOException if there is no room for temporary files
  public RolloutGenerator(
      GgufFile source,
      FileType type,
      LlamaModelOptions modelOptions,
      GenerationOptions options,
      double temperature)
      throws IOException {
    this.options = options;
    sampling = SamplerOptions.ofTemperature(temperature, 0);
    model = new ModelInTraining(source, type, modelOptions);
  }

  /// Replies, and what they took.
  ///
  /// @param replies in the order of the prompts
  /// @param loadSeconds for bringing the blocks into llama.cpp
  /// @param seconds for generating
  public record Rollouts(List<Generation> replies, double loadSeconds, double seconds) {
    /// Tokens written.
    public long tokens() {
      return replies.stream().mapToLong(reply -> reply.tokens().length).sum();
    }
  }

  /// Replies of the model with its present blocks.
  ///
  /// @param firstSeed of the first prompt's reply, one more for each after it
  /// @throws IOException if the blocks cannot be written
  public Rollouts generate(TrainedWeights weights, List<int[]> prompts, long firstSeed)
      throws IOException {
    long start = System.nanoTime();
    try (LlamaModel loaded = model.load(weights)) {
      long ready = System.nanoTime();
      GenerationOptions seeded = options.withSampling(sampling.withSeedOffset(firstSeed));
      List<Generation> replies = new BatchedGenerator(loaded, seeded).generate(prompts);
      long end = System.nanoTime();
      return new Rollouts(replies, (ready - start) / 1e9, (end - ready) / 1e9);
    }
  }

  @Override
  public void close() {
    model.close();
  }
}
