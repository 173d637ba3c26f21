package dev.whittle.distillation;

import dev.whittle.io.AtomicFile;
import dev.whittle.io.TemporaryFolder;
import dev.whittle.training.RunDirectory;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The model of the best step so far, in a file: in the run directory, so that a run that goes on
/// later still has it, or else in a temporary folder.
final class BestModel implements AutoCloseable {
  /// The names of an evaluation's figures in the metrics; behind the second one those of domains
  /// may follow.
  static final String LOSS = "held_out_loss";

  static final String ACCURACY = "held_out_accuracy";

  private final EvaluationSettings settings;
  private final Path file;
  private final @Nullable TemporaryFolder folder;
  private @Nullable Evaluation best;
  private int fruitless;

  /// Writes the model as it is.
  @FunctionalInterface
  interface Writer {
    void write(Path target) throws IOException;
  }

  /// @param settings what makes a step the best
  /// @param run of which the metrics up to where it stands are taken over; null for none
  /// @throws IOException if they cannot be read, or there is no room for the file
  BestModel(EvaluationSettings settings, @Nullable RunDirectory run) throws IOException {
    this.settings = settings;
    if (run == null) {
      folder = TemporaryFolder.create();
      file = folder.resolve("best.gguf");
      return;
    }
    folder = null;
    file = run.best();
    Map<Integer, Double> losses = run.metric(LOSS);
    Map<Integer, Double> accuracies = run.metric(ACCURACY);
    for (int step : losses.isEmpty() ? accuracies.keySet() : losses.keySet()) {
      isBest(new Evaluation(step, losses.get(step), accuracies.get(step)));
    }
  }

  /// Takes note of an evaluation, and keeps the model if it is the best so far.
  ///
  /// @throws IOException if the file cannot be written
  void offer(Evaluation evaluation, Writer model) throws IOException {
    if (isBest(evaluation)) {
      model.write(file);
    }
  }

  private boolean isBest(Evaluation evaluation) {
    if (best != null && !settings.isBetter(evaluation, best)) {
      fruitless++;
      return false;
    }
    best = evaluation;
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
  public void close() {
    if (folder != null) {
      folder.close();
    }
  }
}
