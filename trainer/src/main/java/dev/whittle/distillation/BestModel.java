package dev.whittle.distillation;

import dev.whittle.io.AtomicFile;
import dev.whittle.training.RunDirectory;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The model of the best step so far, in a file: in the run directory, so that a run that goes on
/// later still has it, or else in a temporary folder.
final class BestModel implements AutoCloseable {
  /// The evaluation's name in the metrics.
  static final String METRIC = "held_out_loss";

  private final Path file;
  private final @Nullable Path folder;
  private @Nullable Evaluation best;
  private int fruitless;

  /// Writes the model as it is.
  @FunctionalInterface
  interface Writer {
    void write(Path target) throws IOException;
  }

  /// @param run of which the metrics up to where it stands are taken over; null for none
  /// @throws IOException if they cannot be read, or there is no room for the file
  BestModel(@Nullable RunDirectory run) throws IOException {
    if (run == null) {
      folder = Files.createTempDirectory("whittle");
      file = folder.resolve("best.gguf");
      return;
    }
    folder = null;
    file = run.best();
    for (Map.Entry<Integer, Double> evaluation : run.metric(METRIC).entrySet()) {
      isBetter(evaluation.getKey(), evaluation.getValue());
    }
  }

  /// Takes note of an evaluation, and keeps the model if it is the best so far.
  ///
  /// @throws IOException if the file cannot be written
  void offer(int step, double loss, Writer model) throws IOException {
    if (isBetter(step, loss)) {
      model.write(file);
    }
  }

  private boolean isBetter(int step, double loss) {
    if (best != null && loss >= best.loss()) {
      fruitless++;
      return false;
    }
    best = new Evaluation(step, loss);
    fruitless = 0;
    return true;
  }

  /// The best so far; null before the first evaluation.
  @Nullable Evaluation best() {
    return best;
  }

  /// How many evaluations there were since.
  int fruitless() {
    return fruitless;
  }

  /// Copies the best model.
  ///
  /// @throws IOException if that fails
  void copyTo(Path output, boolean overwrite) throws IOException {
    try (FileChannel source = FileChannel.open(file)) {
      AtomicFile.write(
          output,
          overwrite,
          target -> {
            long size = source.size();
            for (long at = 0; at < size; ) {
              at += source.transferTo(at, size - at, target);
            }
          });
    }
  }

  @Override
  public void close() throws IOException {
    if (folder != null) {
      Files.deleteIfExists(file);
      Files.delete(folder);
    }
  }
}
