package dev.whittle.cli.study;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.whittle.cli.report.MarkdownTable;
import dev.whittle.cli.study.CellResult.Evaluation;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;

/// The figures of a study: mean and deviation over its seeds, an arm in each row.
///
/// @param study its file's name
/// @param seeds of the study
@JsonNaming(SnakeCaseStrategy.class)
public record StudyTable(
    String study, List<String> factors, List<Long> seeds, List<String> columns, List<Row> rows) {
  /// An arm.
  ///
  /// @param figures by the columns' headings, of those cells that have them
  /// @param failures why cells have none
  /// @param unfinished the seeds that lack figures without having failed
  @JsonNaming(SnakeCaseStrategy.class)
  public record Row(
      String arm,
      Map<String, String> levels,
      Map<String, Summary> figures,
      List<Failure> failures,
      List<Long> unfinished) {}

  /// A figure over the seeds.
  ///
  /// @param deviation the sample standard deviation; null for one seed, and where all seeds have
  ///   the same evaluation
  /// @param values by seed
  /// @param questions that were asked in each evaluation
  @JsonNaming(SnakeCaseStrategy.class)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Summary(
      double mean,
      @Nullable Double deviation,
      SortedMap<Long, Double> values,
      int questions,
      int decimals,
      boolean difference) {
    String text(int seeds) {
      String format = (difference ? "%+." : "%.") + decimals + "f";
      return format.formatted(mean)
          + (deviation == null ? "" : (" ± %." + decimals + "f").formatted(deviation))
          + (values.size() == seeds ? "" : " (%d of %d seeds)".formatted(values.size(), seeds));
    }
  }

  /// Why some seeds have no result.
  public record Failure(String stage, String reason, List<Long> seeds) {}

  /// The table of a study.
  ///
  /// @param results of its cells
  public static StudyTable of(Study study, List<CellResult> results) {
    Map<Arm, List<CellResult>> byArm = new LinkedHashMap<>();
    study.arms().forEach(arm -> byArm.put(arm, new ArrayList<>()));
    results.forEach(result -> byArm.get(result.cell().arm()).add(result));
    List<Row> rows = new ArrayList<>();
    byArm.forEach((arm, own) -> {
      Map<String, Summary> figures = new LinkedHashMap<>();
      for (Column column : study.columns()) {
        summary(column, own).ifPresent(figure -> figures.put(column.heading(), figure));
      }
      List<Long> unfinished =
          own.stream()
              .filter(result -> result.failure() == null && lacksAny(study.columns(), result))
              .map(result -> result.cell().seed())
              .toList();
      rows.add(new Row(arm.name(), arm.levels(), figures, failures(own), unfinished));
    });
    return new StudyTable(
        String.valueOf(study.file().getFileName()),
        study.factors(),
        study.seeds(),
        study.columns().stream().map(Column::heading).toList(),
        rows);
  }

  private static boolean lacksAny(List<Column> columns, CellResult result) {
    return columns.stream().anyMatch(column -> column.of(result::figure).isEmpty());
  }

  private static Optional<Summary> summary(Column column, List<CellResult> results) {
    SortedMap<Long, Double> values = new TreeMap<>();
    TreeSet<String> evaluations = new TreeSet<>();
    int questions = 0;
    for (CellResult result : results) {
      Optional<Double> value = column.of(result::figure);
      if (value.isPresent()) {
        values.put(result.cell().seed(), value.get());
        List<Evaluation> used =
            column.figures().stream()
                .map(figure -> Objects.requireNonNull(result.evaluations().get(figure.stage())))
                .toList();
        evaluations.add(used.stream().map(Evaluation::hash).collect(Collectors.joining()));
        questions = used.getFirst().questions();
      }
    }
    if (values.isEmpty()) {
      return Optional.empty();
    }
    double mean = values.values().stream().mapToDouble(v -> v).average().orElseThrow();
    return Optional.of(
        new Summary(
            mean,
            evaluations.size() == 1 ? null : deviation(values.values().stream().toList(), mean),
            values,
            questions,
            column.decimals(),
            column.isDifference()));
  }

  private static double deviation(List<Double> values, double mean) {
    double squares = values.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum();
    return Math.sqrt(squares / (values.size() - 1));
  }

  private static List<Failure> failures(List<CellResult> results) {
    List<Failure> failures = new ArrayList<>();
    Map<List<String>, List<Long>> seeds = new LinkedHashMap<>();
    for (CellResult result : results) {
      CellFailure failure = result.failure();
      if (failure != null) {
        seeds
            .computeIfAbsent(List.of(failure.stage(), failure.reason()), _ -> new ArrayList<>())
            .add(result.cell().seed());
      }
    }
    seeds.forEach((what, whose) -> failures.add(new Failure(what.get(0), what.get(1), whose)));
    return failures;
  }

  /// The table in Markdown, and below it what one has to know to read it.
  public String toMarkdown() {
    List<String> headings = new ArrayList<>(factors);
    headings.addAll(columns);
    MarkdownTable table = new MarkdownTable(headings);
    for (Row row : rows) {
      List<String> cells = new ArrayList<>(row.levels().values());
      for (String column : columns) {
        Summary figure = row.figures().get(column);
        cells.add(
            figure != null ? figure.text(seeds.size()) : row.failures().isEmpty() ? "" : "failed");
      }
      table.row(cells);
    }
    StringBuilder text = new StringBuilder(table.toString());
    text.append('\n').append(legend()).append('\n');
    for (Row row : rows) {
      for (Failure failure : row.failures()) {
        text.append(
            "\n- %s, %s: %s%s"
                .formatted(
                    row.arm(),
                    seeds(failure.seeds()),
                    failure.stage().isEmpty() ? "" : failure.stage() + " failed: ",
                    failure.reason()));
      }
    }
    Map<List<Long>, List<String>> unfinished = new LinkedHashMap<>();
    for (Row row : rows) {
      unfinished.computeIfAbsent(row.unfinished(), _ -> new ArrayList<>()).add(row.arm());
    }
    unfinished.remove(List.of());
    unfinished.forEach((whose, arms) ->
        text.append("\n- %s, %s: not finished".formatted(String.join(", ", arms), seeds(whose))));
    return text.charAt(text.length() - 1) == '\n' ? text.toString() : text.append('\n').toString();
  }

  private String legend() {
    Map<String, List<String>> byQuestions = new LinkedHashMap<>();
    for (String column : columns) {
      List<Integer> asked =
          rows.stream()
              .map(row -> row.figures().get(column))
              .filter(Objects::nonNull)
              .map(Summary::questions)
              .distinct()
              .sorted()
              .toList();
      if (asked.isEmpty()) {
        continue;
      }
      String range =
          asked.size() == 1
              ? "%,d questions".formatted(asked.getFirst())
              : "%,d to %,d questions".formatted(asked.getFirst(), asked.getLast());
      byQuestions.computeIfAbsent(range, _ -> new ArrayList<>()).add(column);
    }
    String questions =
        byQuestions.size() == 1
            ? byQuestions.keySet().iterator().next() + " in each evaluation"
            : byQuestions.entrySet().stream()
                .map(entry -> entry.getKey() + " in " + String.join(", ", entry.getValue()))
                .collect(Collectors.joining("; "));
    return (seeds.size() == 1
            ? "One seed, " + seeds.getFirst()
            : "Mean ± sample standard deviation over "
                + seeds(seeds)
                + "; without a deviation, all seeds have the same evaluation")
        + (questions.isEmpty() ? "." : ". " + questions + ".");
  }

  private static String seeds(List<Long> seeds) {
    return (seeds.size() == 1 ? "seed " : "seeds ")
        + seeds.stream().map(String::valueOf).collect(Collectors.joining(", "));
  }
}
