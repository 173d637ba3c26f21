package dev.whittle.cli;

import dev.whittle.cli.Table.Column;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A report of `bench` beside an earlier one.
///
/// @param earlier the file of the earlier report
/// @param differences of machine, version and settings, without which the figures would be
///   comparable
/// @param figures those that both reports have, by their place in the JSON form, where they are not
///   equal
record BenchComparison(
    String earlier, List<String> differences, SequencedMap<String, Figure> figures) {
  private static final List<String> PARTS = List.of("train", "quantize", "infer");

  /// A figure then and now; of several measurements, the median.
  record Figure(double earlier, double now, double ratio) {}

  /// Compares a report with one in a file.
  ///
  /// @param now the JSON form of the report
  /// @throws UnusableException if the file is not a report of this form
  /// @throws IOException if it cannot be read
  static BenchComparison of(JsonNode now, Path file) throws IOException {
    JsonNode earlier = read(file);
    SequencedMap<String, Double> before = figures(earlier);
    SequencedMap<String, Figure> figures = new LinkedHashMap<>();
    figures(now)
        .forEach((place, value) -> {
          Double old = before.get(place);
          if (old != null && !old.equals(value)) {
            figures.put(place, new Figure(old, value, value / old));
          }
        });
    return new BenchComparison(file.toString(), differences(earlier, now), figures);
  }

  /// Checks that a file is a report, before anything is measured.
  ///
  /// @throws UnusableException if it is not
  /// @throws IOException if it cannot be read
  static void requireReport(Path file) throws IOException {
    read(file);
  }

  private static JsonNode read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new UnusableException(
          "%s %s; name what 'whittle bench --json' printed"
              .formatted(file, Files.exists(file) ? "is not a file" : "does not exist"));
    }
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      JsonNode report = JsonMapper.shared().readTree(reader);
      if (report.path("format").asString("").equals(BenchReport.FORMAT)) {
        return report;
      }
    } catch (JacksonException | MalformedInputException _) {
      // The sentence below says what it is not.
    }
    throw new UnusableException(
        file + " is not what this version of 'whittle bench --json' prints; measure again");
  }

  private static List<String> differences(JsonNode earlier, JsonNode now) {
    List<String> differences = new ArrayList<>();
    for (String group : List.of("machine", "settings")) {
      for (Map.Entry<String, JsonNode> member : now.path(group).properties()) {
        JsonNode before = earlier.path(group).path(member.getKey());
        if (!before.equals(member.getValue())) {
          differences.add(
              "%s is %s, and was %s"
                  .formatted(
                      member.getKey(),
                      text(member.getValue()),
                      before.isMissingNode() ? "not told" : text(before)));
        }
      }
    }
    return differences;
  }

  private static String text(JsonNode value) {
    return value.isString() ? value.asString() : value.toString();
  }

  private static SequencedMap<String, Double> figures(JsonNode report) {
    SequencedMap<String, Double> figures = new LinkedHashMap<>();
    for (String part : PARTS) {
      collect(report.path(part), part, figures);
    }
    return figures;
  }

  private static void collect(JsonNode node, String place, Map<String, Double> figures) {
    if (node.has("median")) {
      collect(node.get("median"), place, figures);
    } else if (node.isNumber()) {
      figures.put(place, node.doubleValue());
    } else if (node.isObject()) {
      node.properties()
          .forEach(member -> collect(member.getValue(), place + "/" + member.getKey(), figures));
    }
  }

  /// The figures in a table.
  String toText() {
    Table table =
        new Table(
            Column.left("compared with " + earlier),
            Column.right("earlier"),
            Column.right("now"),
            Column.right("ratio"));
    figures.forEach((place, figure) ->
        table.row(
            place, plain(figure.earlier()), plain(figure.now()), "%.3f".formatted(figure.ratio())));
    return table.toString();
  }

  private static String plain(double value) {
    return Math.abs(value) >= 100 ? "%,.0f".formatted(value) : "%.4g".formatted(value);
  }
}
