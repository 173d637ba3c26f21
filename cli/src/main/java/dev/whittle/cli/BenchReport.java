package dev.whittle.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.whittle.benchmark.InferenceBenchmark;
import dev.whittle.benchmark.TrainingBenchmark;
import dev.whittle.cli.Table.Column;
import dev.whittle.ggml.GgmlType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What `bench` found. The components are the members of its JSON form; null is what was not
/// measured.
///
/// @param train by the model's file name
/// @param quantize weights a second on one thread, by type
/// @param infer by the model's file name
@JsonInclude(JsonInclude.Include.NON_NULL)
record BenchReport(
    @Nullable Map<String, TrainingBenchmark.Result> train,
    @Nullable Map<GgmlType, Double> quantize,
    @Nullable Map<String, InferenceBenchmark.Result> infer) {
  private static final double GIGA = 1e9;
  private static final double MEGA = 1e6;

  /// The report as text: a table for each part.
  String toText() {
    List<String> tables = new ArrayList<>();
    if (train != null) {
      tables.add(table(train).toString());
    }
    if (quantize != null) {
      Table table = new Table(Column.left("quantize"), Column.right("million weights/s a thread"));
      quantize.forEach((type, rate) -> table.row(type.name(), "%,.1f".formatted(rate / MEGA)));
      tables.add(table.toString());
    }
    if (infer != null) {
      tables.add(inferenceTable(infer).toString());
    }
    return String.join("\n", tables);
  }

  private static Table table(Map<String, TrainingBenchmark.Result> results) {
    Table table =
        new Table(
            Column.left("train"),
            Column.right("parameters"),
            Column.right("tokens/s"),
            Column.right("GFLOP/s"),
            Column.right("peak GFLOP/s"),
            Column.right("share"),
            Column.right("optimizer"),
            Column.right("encoding"),
            Column.right("memory"));
    results.forEach((model, result) ->
        table.row(
            model,
            "%,d".formatted(result.parameters()),
            "%,.0f".formatted(result.tokensPerSecond()),
            "%,.0f".formatted(result.operationsPerSecond() / GIGA),
            "%,.0f".formatted(result.peakOperationsPerSecond() / GIGA),
            "%.0f%%".formatted(100 * result.share()),
            "%.0f%%".formatted(100 * result.updateShare()),
            "%.0f%%".formatted(100 * result.encodeShare()),
            "%,.0f MiB".formatted(result.peakBytes() / (double) (1 << 20))));
    return table;
  }

  private static Table inferenceTable(Map<String, InferenceBenchmark.Result> results) {
    Table table =
        new Table(
            Column.left("infer"),
            Column.right("parameters"),
            Column.right("reading tokens/s"),
            Column.right("writing tokens/s"),
            Column.right("GFLOP/s"),
            Column.right("peak GFLOP/s"),
            Column.right("share"));
    results.forEach((model, result) ->
        table.row(
            model,
            "%,d".formatted(result.parameters()),
            "%,.0f".formatted(result.promptTokensPerSecond()),
            "%,.0f".formatted(result.tokensPerSecond()),
            "%,.0f".formatted(result.operationsPerSecond() / GIGA),
            "%,.0f".formatted(result.peakOperationsPerSecond() / GIGA),
            "%.0f%%".formatted(100 * result.share())));
    return table;
  }
}
