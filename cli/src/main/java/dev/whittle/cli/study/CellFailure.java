package dev.whittle.cli.study;

import dev.whittle.cli.recipe.RecipeRun;
import dev.whittle.cli.recipe.Stage;
import dev.whittle.io.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// Why a cell came to nothing, as its run directory remembers it: with the same settings and
/// inputs, the same would come of it again.
///
/// @param stage that failed
/// @param hash of all that the stage depends on
/// @param reason in a sentence
public record CellFailure(String stage, String hash, String reason) {
  private static final JsonMapper JSON = JsonMapper.shared();

  private static Path file(Cell cell) {
    return cell.recipe().runDirectory().resolve("failure.json");
  }

  /// The failure that a cell remembers, if it is of what the cell would do next.
  static Optional<CellFailure> read(Cell cell, RecipeRun run, List<Stage> pending)
      throws IOException {
    Path file = file(cell);
    if (!Files.exists(file) || pending.isEmpty()) {
      return Optional.empty();
    }
    Stage next = pending.getFirst();
    try {
      CellFailure failure = JSON.readValue(Files.readAllBytes(file), CellFailure.class);
      return failure.stage.equals(next.name()) && failure.hash.equals(run.hash(next))
          ? Optional.of(failure)
          : Optional.empty();
    } catch (JacksonException _) {
      // Then the cell is tried again: that is all that a damaged file costs.
      return Optional.empty();
    }
  }

  void write(Cell cell) throws IOException {
    byte[] bytes = JSON.writeValueAsBytes(this);
    AtomicFile.write(file(cell), true, channel -> channel.write(ByteBuffer.wrap(bytes)));
  }

  static void forget(Cell cell) throws IOException {
    Files.deleteIfExists(file(cell));
  }
}
