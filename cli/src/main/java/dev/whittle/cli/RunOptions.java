package dev.whittle.cli;

import dev.whittle.training.RunDirectory;
import dev.whittle.training.RunDirectoryException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where a training leaves what it can go on from.
final class RunOptions implements OptionRules {
  @Option(
      names = "--run-dir",
      paramLabel = "DIR",
      description = "Keep settings, metrics and checkpoints in this folder.")
  private @Nullable Path directory;

  @Option(
      names = "--checkpoint-steps",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Steps between checkpoints; ${DEFAULT-VALUE} by default.")
  private int checkpointSteps;

  @Option(names = "--resume", description = "Go on with the run in --run-dir.")
  private boolean resume;

  /// @param checkpointSteps how many there are between checkpoints, unless it is said
  RunOptions(int checkpointSteps) {
    this.checkpointSteps = checkpointSteps;
  }

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(directory != null, "--run-dir", "--checkpoint-steps", "--resume"));
  }

  @Nullable Path directory() {
    return directory;
  }

  int checkpointSteps() {
    return checkpointSteps;
  }

  boolean resume() {
    return resume;
  }

  /// Finds out before any work whether a run can be begun in the directory, or gone on with.
  ///
  /// @param overwrite whether an earlier run may be replaced
  /// @throws RunDirectoryException if the directory cannot be used
  void check(boolean overwrite) throws IOException {
    if (directory != null) {
      if (resume) {
        RunDirectory.open(directory);
      } else {
        RunDirectory.requireUnused(directory, overwrite);
      }
    }
  }

  /// What to say when the run is interrupted.
  ///
  /// @param left what has been written then outside the run directory, if anything has
  String interrupted(@Nullable Path left) {
    return directory == null
        ? "interrupted; nothing was written" + (left == null ? "" : " but " + left)
        : "interrupted; add --resume to go on from the last checkpoint in " + directory;
  }
}
