package dev.whittle.tests;

import dev.whittle.ggml.GgmlType;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// The model and the data that come with the project.
final class Demo {
  static final Path CHECKPOINT = home().resolve("demo/reasoner-5m");
  static final Path QUESTIONS = home().resolve("demo/test.jsonl");
  static final Path CHATS = home().resolve("demo/train.jsonl");

  private Demo() {}

  static Path home() {
    return Path.of(System.getProperty("whittle.home"));
  }

  /// The model as a GGUF file in bfloat16, which tests only read.
  static Path model() {
    return Imported.FILE;
  }

  /// The model with another chat template, written to a folder.
  static Path model(Path folder, String chatTemplate) throws IOException {
    Path checkpoint = Files.createDirectory(folder.resolve("checkpoint"));
    try (Stream<Path> files = Files.list(CHECKPOINT)) {
      for (Path file : files.toList()) {
        Files.copy(file, checkpoint.resolve(file.getFileName()));
      }
    }
    Files.writeString(checkpoint.resolve("chat_template.jinja"), chatTemplate);
    Path model = folder.resolve("model.gguf");
    try (HuggingFaceCheckpoint changed = HuggingFaceCheckpoint.open(checkpoint)) {
      changed.writeGguf(model, GgmlType.BF16, true);
    }
    return model;
  }

  /// Written once, when a test first asks.
  private static final class Imported {
    private static final Path FILE = write();

    private static Path write() {
      Path file = home().resolve("tests/target/reasoner-5m-bf16.gguf");
      try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(CHECKPOINT)) {
        Files.createDirectories(file.getParent());
        checkpoint.writeGguf(file, GgmlType.BF16, true);
        return file;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
