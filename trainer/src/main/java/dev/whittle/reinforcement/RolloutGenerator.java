package dev.whittle.reinforcement;

import dev.whittle.evaluation.BatchedGenerator;
import dev.whittle.evaluation.Generation;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufFile;
import dev.whittle.training.TrainedModelFile;
import dev.whittle.training.TrainedWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Lets the policy as it is write replies, by llama.cpp: what it will be where it is deployed.
///
/// llama.cpp has no way to replace the weights of a model that is loaded, so the blocks go through
/// a file. That takes a small part of the time that the replies do.
public final class RolloutGenerator implements AutoCloseable {
  private final GgufFile source;
  private final FileType type;
  private final LlamaModelOptions modelOptions;
  private final GenerationOptions options;
  private final Path folder;
  private final Path file;

  /// @param source what the metadata are taken from; must stay open
  /// @param type of the policy
  /// @param options how replies are generated, its sampling drawing from all tokens
  /// @throws IOException if there is no room for temporary files
  public RolloutGenerator(
      GgufFile source, FileType type, LlamaModelOptions modelOptions, GenerationOptions options)
      throws IOException {
    this.source = source;
    this.type = type;
    this.modelOptions = modelOptions;
    this.options = options;
    folder = Files.createTempDirectory("whittle");
    file = folder.resolve("policy.gguf");
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

  /// Replies of the policy with its present blocks.
  ///
  /// @param firstSeed of the first prompt's reply, one more for each after it
  /// @throws IOException if the blocks cannot be written
  public Rollouts generate(TrainedWeights weights, List<int[]> prompts, long firstSeed)
      throws IOException {
    long start = System.nanoTime();
    TrainedModelFile.write(file, true, source, weights, type, "policy");
    try (LlamaModel model = LlamaModel.load(file, modelOptions)) {
      long loaded = System.nanoTime();
      GenerationOptions seeded =
          options.withSampling(options.sampling().withSeed(0).withSeedOffset(firstSeed));
      List<Generation> replies = new BatchedGenerator(model, seeded).generate(prompts);
      long end = System.nanoTime();
      return new Rollouts(replies, (loaded - start) / 1e9, (end - loaded) / 1e9);
    }
  }

  @Override
  public void close() {
    try {
      Files.deleteIfExists(file);
      Files.delete(folder);
    } catch (IOException _) {
      // Left over in the system's folder for what is temporary.
    }
  }
}
