package dev.whittle.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.whittle.benchmark.InferenceBenchmark;
import dev.whittle.benchmark.Machine;
import dev.whittle.benchmark.Measurement;
import dev.whittle.benchmark.QuantizationBenchmark;
import dev.whittle.benchmark.TrainingBenchmark;
import dev.whittle.cli.Table.Column;
import dev.whittle.ggml.GgmlType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What `bench` found. The components are the members of its JSON form; null is what was not
/// measured.
///
/// @param format tells such a report from other JSON, and this form from others
/// @param whittle Whittle's version
/// @param settings what else the figures depend on
/// @param train by the model's file name
/// @param quantize by type
/// @param infer by the model's file name
/// @param compared ratios to an earlier report
@JsonInclude(JsonInclude.Include.NON_NULL)
record BenchReport(
    String format,
    String whittle,
    Machine machine,
    Map<String, Object> settings,
    @Nullable Map<String, TrainingBenchmark.Result> train,
    @Nullable Map<GgmlType, QuantizationBenchmark.Result> quantize,
    @Nullable Map<String, InferenceBenchmark.Result> infer,
    @Nullable BenchComparison compared) {
  static final String FORMAT = "whittle-bench-1";

  private static final double GIGA = 1e9;
  private static final double MEGA = 1e6;

  BenchReport(
      Map<String, Object> settings,
      @Nullable Map<String, TrainingBenchmark.Result> train,
      @Nullable Map<GgmlType, QuantizationBenchmark.Result> quantize,
      @Nullable Map<String, InferenceBenchmark.Result> infer) {
    this(FORMAT, Versions.whittle(), Machine.here(), settings, train, quantize, infer, null);
  }

  BenchReport withComparison(BenchComparison comparison) {
    return new BenchReport(format, whittle, machine, settings, train, quantize, infer, comparison);
  }

  /// The report as text: a table for each part.
  String toText() {
    List<String> parts = new ArrayList<>();
    parts.add(
        "%s, %d cores, %s\n"
            .formatted(machine.cpu(), machine.cores(), String.join(" ", machine.cpuFeatures())));
    if (train != null) {
      parts.add(trainingTable(train).toString());
      unsupported(train).ifPresent(parts::add);
    }
    if (quantize != null) {
      parts.add(quantizationTable(quantize).toString());
    }
    if (infer != null) {
      parts.add(inferenceTable(infer).toString());
    }
    if (compared != null) {
      parts.add(compared.toText());
    }
    return String.join("\n", parts);
  }

  private static Table trainingTable(Map<String, TrainingBenchmark.Result> results) {
    Table table =
        new Table(
            Column.left("train"),
            Column.right("parameters"),
            Column.right("tokens/s"),
            Column.right("from – to"),
            Column.right("GFLOP/s"),
            Column.right("peak GFLOP/s"),
            Column.right("share"),
            Column.right("ggml's peak"),
            Column.right("optimizer"),
            Column.right("encoding"),
            Column.right("planned"),
            Column.right("memory"));
    results.forEach((model, result) ->
        table.row(
            model,
            "%,d".formatted(result.parameters()),
            median(result.tokensPerSecond()),
            range(result.tokensPerSecond()),
            "%,.0f".formatted(result.operationsPerSecond() / GIGA),
            "%,.0f".formatted(result.peakOperationsPerSecond().max() / GIGA),
            "%.0f%%".formatted(100 * result.share()),
            "%,.0f".formatted(result.ggmlOperationsPerSecond().max() / GIGA),
            "%.0f%%".formatted(100 * result.updateShare().median()),
            "%.0f%%".formatted(100 * result.encodeShare().median()),
            mebibytes(result.plannedBytes()),
            mebibytes(result.peakBytes())));
    return table;
  }

  private static Optional<String> unsupported(Map<String, TrainingBenchmark.Result> results) {
    SortedSet<String> operations = new TreeSet<>();
    results.values().forEach(result -> operations.addAll(result.unsupportedOperations()));
    return operations.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "computed by the CPU, since the device cannot: %s\n"
                .formatted(String.join(", ", operations)));
  }

  private static String mebibytes(long bytes) {
    return "%,.0f MiB".formatted(bytes / (double) (1 << 20));
  }

  private static Table quantizationTable(Map<GgmlType, QuantizationBenchmark.Result> results) {
    Table table =
        new Table(
            Column.left("quantize"),
            Column.left("columns"),
            Column.right("million weights/s a thread"),
            Column.right("from"),
            Column.right("to"),
            Column.right("ggml's"),
            Column.right("ratio"),
            Column.right("error"));
    results.forEach((type, result) -> {
      addSpeed(table, type, "equal", result.equal());
      addSpeed(table, type, "by importance", result.weighted());
    });
    return table;
  }

  private static void addSpeed(
      Table table, GgmlType type, String columns, QuantizationBenchmark.@Nullable Speed speed) {
    if (speed == null) {
      return;
    }
    Measurement rate = speed.weightsPerSecond();
    Measurement ggml = speed.ggmlWeightsPerSecond();
    table.row(
        type.name(),
        columns,
        "%,.1f".formatted(rate.median() / MEGA),
        "%,.1f".formatted(rate.min() / MEGA),
        "%,.1f".formatted(rate.max() / MEGA),
        "%,.1f".formatted((ggml == null ? rate : ggml).median() / MEGA),
        speed.speedup() == null ? "" : "%.2f".formatted(speed.speedup()),
        speed.relativeError() == null ? "" : "%.3f".formatted(speed.relativeError()));
  }

  private static Table inferenceTable(Map<String, InferenceBenchmark.Result> results) {
    Table table =
        new Table(
            Column.left("infer"),
            Column.right("parameters"),
            Column.right("reading tokens/s"),
            Column.right("writing tokens/s"),
            Column.right("from – to"),
            Column.right(InferenceBenchmark.PARALLEL + " at once"),
            Column.right("from – to"),
            Column.right("peak GFLOP/s"),
            Column.right("share"));
    results.forEach((model, result) ->
        table.row(
            model,
            "%,d".formatted(result.parameters()),
            median(result.promptTokensPerSecond()),
            median(result.tokensPerSecond()),
            range(result.tokensPerSecond()),
            median(result.parallelTokensPerSecond()),
            range(result.parallelTokensPerSecond()),
            "%,.0f".formatted(result.peakOperationsPerSecond().max() / GIGA),
            "%.0f%%".formatted(100 * result.share())));
    return table;
  }

  private static String median(Measurement measurement) {
    return "%,.0f".formatted(measurement.median());
  }

  private static String range(Measurement measurement) {
    return "%,.0f – %,.0f".formatted(measurement.min(), measurement.max());
  }
}
