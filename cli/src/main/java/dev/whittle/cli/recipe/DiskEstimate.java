package dev.whittle.cli.recipe;

import dev.whittle.io.DiskSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// What a recipe will write, at most and about, by the size of the models that it begins with.
final class DiskEstimate {
  /// A checkpoint in terms of a model of 16 bits a weight: a master and two moments of 32 bits, and
  /// the blocks.
  private static final double CHECKPOINT = 6.5;

  /// Two are kept while the next is written.
  private static final int CHECKPOINTS = 3;

  private static final String MODEL = "model";

  private final Recipe recipe;

  /// The bytes of each model in full precision, by its file.
  private final Map<Path, Long> models = new HashMap<>();

  DiskEstimate(Recipe recipe) {
    this.recipe = recipe;
  }

  /// Fails where the disk of the run directory has no room for what these stages write.
  ///
  /// @throws RecipeException naming the sizes
  /// @throws IOException if a file cannot be read
  void requireRoom(List<Stage> stages) throws IOException {
    DiskSpace space = DiskSpace.at(recipe.runDirectory());
    long bytes = 0;
    for (Stage stage : recipe.stages()) {
      long written = bytes(stage);
      bytes += stages.contains(stage) ? written : 0;
    }
    if (bytes > space.bytes()) {
      throw new RecipeException(
          "%s will write about %s, and %s has room for %s; free some, or name another '%s'"
              .formatted(
                  recipe.file(),
                  gigabytes(bytes),
                  space.folder(),
                  gigabytes(space.bytes()),
                  RecipeReader.RUN_DIRECTORY));
    }
  }

  private static String gigabytes(long bytes) {
    return "%.1f GB".formatted(bytes / 1e9);
  }

  private long bytes(Stage stage) throws IOException {
    return switch (stage.kind()) {
      case IMPORT -> {
        long bytes = size(stage.inputs().get("folder").getFirst());
        models.put(stage.outputs().getFirst(), bytes);
        yield bytes;
      }
      case QUANTIZE, EXPORT -> model(stage);
      case DISTILL, GRPO -> (long) (model(stage) * (1 + CHECKPOINTS * CHECKPOINT));
      case SYNTHESIZE, CALIBRATE, EVAL, REPORT -> 0;
    };
  }

  private long model(Stage stage) throws IOException {
    Path file = stage.inputs().get(MODEL).getFirst();
    Long known = models.get(file);
    long bytes = known != null ? known : Files.exists(file) ? size(file) : 0;
    models.put(stage.outputs().getFirst(), bytes);
    return bytes;
  }

  private static long size(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return Files.size(path);
    }
    long bytes = 0;
    try (Stream<Path> files = Files.list(path)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        bytes += Files.isRegularFile(file) ? Files.size(file) : 0;
      }
    }
    return bytes;
  }
}
