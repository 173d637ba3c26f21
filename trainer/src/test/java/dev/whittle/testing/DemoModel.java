package dev.whittle.testing;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;

/// The model and the data that come with the project.
public final class DemoModel {
  private static final Path DEMO = Path.of(System.getProperty("whittle.home"), "demo");

  public static final Path QUESTIONS = DEMO.resolve("test.jsonl");
  public static final Path CHATS = DEMO.resolve("train.jsonl");

  private DemoModel() {}

  /// The model as a GGUF file in bfloat16, which tests only read.
  public static Path file() {
    return Imported.FILE;
  }

  /// The model, loaded. Whoever asks closes it.
  public static LlamaModel load() {
    return LlamaModel.load(file(), LlamaModelOptions.defaults());
  }

  /// The model's vocabulary, to tokenize with. Whoever asks closes it.
  public static LlamaModel loadVocabulary() {
    return LlamaModel.load(file(), LlamaModelOptions.vocabulary());
  }

  /// The model's vocabulary in a file with other metadata. Whoever asks closes it.
  public static LlamaModel loadVocabulary(Path folder, UnaryOperator<GgufMetadata.Builder> change)
      throws IOException {
    Path file = Files.createTempFile(folder, "vocabulary", ".gguf");
    try (GgufFile model = GgufFile.open(file())) {
      GgufMetadata metadata = change.apply(model.metadata().toBuilder()).build();
      new GgufWriter(metadata).write(file, true);
    }
    return LlamaModel.load(file, LlamaModelOptions.vocabulary());
  }

  /// The model's vocabulary with another chat template. Whoever asks closes it.
  public static LlamaModel loadVocabulary(Path folder, String chatTemplate) throws IOException {
    return loadVocabulary(
        folder, metadata -> metadata.put("tokenizer.chat_template", chatTemplate));
  }

  /// Written once, when a test first asks.
  private static final class Imported {
    private static final Path FILE = write();

    private static Path write() {
      try (HuggingFaceCheckpoint checkpoint =
          HuggingFaceCheckpoint.open(DEMO.resolve("reasoner-5m"))) {
        Path file = Files.createTempDirectory("whittle").resolve("reasoner-5m-bf16.gguf");
        // The last one is deleted first.
        file.getParent().toFile().deleteOnExit();
        file.toFile().deleteOnExit();
        checkpoint.writeGguf(file, GgmlType.BF16, true);
        return file;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
