package dev.whittle.cli.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The course of a training run: what each of its figures was at which step.
///
/// @param name of the stage that trained
/// @param series the points of each figure, by its name in `metrics.jsonl`
record Metrics(String name, Map<String, List<Point>> series) {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String STEP = "step";

  /// @param step from 1
  record Point(double step, double value) {}

  /// Reads `metrics.jsonl`. A line that was cut short, where the run was killed, ends it.
  ///
  /// @throws IOException if the file cannot be read
  static Metrics read(String name, Path file) throws IOException {
    Map<String, List<Point>> series = new LinkedHashMap<>();
    for (String line : Files.readAllLines(file)) {
      JsonNode figures;
      try {
        figures = JSON.readTree(line);
      } catch (JacksonException _) {
        break;
      }
      double step = figures.path(STEP).asDouble(Double.NaN);
      if (Double.isNaN(step)) {
        continue;
      }
      figures
          .properties()
          .forEach(figure -> {
            if (!figure.getKey().equals(STEP) && figure.getValue().isNumber()) {
              series
                  .computeIfAbsent(figure.getKey(), key -> new ArrayList<>())
                  .add(new Point(step, figure.getValue().asDouble()));
            }
          });
    }
    return new Metrics(name, series);
  }
}
