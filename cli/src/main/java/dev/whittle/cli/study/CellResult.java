package dev.whittle.cli.study;

import dev.whittle.cli.recipe.RecipeRun;
import dev.whittle.cli.recipe.Stage;
import dev.whittle.cli.recipe.StageKind;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What came of a cell.
///
/// @param evaluations those that are up to date, by stage
/// @param failure why there are no more; null if there is nothing to say
public record CellResult(
    Cell cell, Map<String, Evaluation> evaluations, @Nullable CellFailure failure) {
  /// What an evaluation has found.
  ///
  /// @param hash of all that it depends on: cells with the same one share it
  /// @param report as `eval --json` prints it
  public record Evaluation(String hash, JsonNode report) {
    int questions() {
      return report.path("n").asInt();
    }
  }

  /// What the cell's run directory tells.
  ///
  /// @param run of the cell's recipe
  /// @throws IOException if it cannot be read
  static CellResult read(Cell cell, RecipeRun run, @Nullable CellFailure failure)
      throws IOException {
    List<Stage> pending = run.pending();
    Map<String, Evaluation> evaluations = new HashMap<>();
    for (Stage stage : cell.recipe().stages()) {
      if (stage.kind() == StageKind.EVAL && !pending.contains(stage)) {
        JsonNode report =
            JsonMapper.shared().readTree(Files.readString(stage.outputs().getFirst()));
        evaluations.put(stage.name(), new Evaluation(run.hash(stage), report));
      }
    }
    return new CellResult(cell, evaluations, failure);
  }

  Optional<Double> figure(Figure figure) {
    return Optional.ofNullable(evaluations.get(figure.stage()))
        .flatMap(evaluation -> figure.of(evaluation.report()));
  }
}
