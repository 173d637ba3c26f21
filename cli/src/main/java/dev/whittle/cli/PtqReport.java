package dev.whittle.cli;

import dev.whittle.cli.report.MarkdownTable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The results of `bench ptq` as a table in Markdown and as a chart.
record PtqReport(List<PtqResult> results) {

  String toMarkdown() {
    List<String> domains = domains();
    List<String> headings =
        new ArrayList<>(
            List.of(
                "model",
                "format",
                "method",
                "cache",
                "bytes",
                "bits",
                "KL",
                "same top",
                "PPL",
                "accuracy"));
    headings.addAll(domains);
    headings.addAll(List.of("seconds", "peak MiB"));
    MarkdownTable table = new MarkdownTable(headings);
    results.forEach(result -> table.row(cells(result, domains)));
    return results.stream().anyMatch(PtqResult::simulated)
        ? table
            + "\n(sim) marks formats that GGUF does not have: weights rounded to them and stored as F32,"
            + " sizes as they would be.\n"
        : table.toString();
  }

  private List<String> domains() {
    TreeSet<String> domains = new TreeSet<>();
    for (PtqResult result : results) {
      if (result.accuracyByDomain() != null) {
        domains.addAll(result.accuracyByDomain().keySet());
      }
    }
    return new ArrayList<>(domains);
  }

  private static List<String> cells(PtqResult result, List<String> domains) {
    List<String> cells = new ArrayList<>();
    cells.add(result.model());
    cells.add(
        result.format().replace(PtqCell.Format.PREFIX, "") + (result.simulated() ? " (sim)" : ""));
    cells.add(result.method());
    cells.add(result.cacheType());
    if (result.failure() != null) {
      cells.add("failed: " + result.failure());
      cells.addAll(Collections.nCopies(7 + domains.size(), ""));
      return cells;
    }
    cells.add(format("%,d", result.bytes()));
    cells.add(format("%.3f", result.bitsPerWeight()));
    cells.add(format("%.4f", result.meanKld()));
    cells.add(format("%.4f", result.sameTopP()));
    cells.add(format("%.4f", result.ppl()));
    cells.add(format("%.3f", result.accuracy()));
    SortedMap<String, Double> byDomain = result.accuracyByDomain();
    for (String domain : domains) {
      cells.add(format("%.3f", byDomain == null ? null : byDomain.get(domain)));
    }
    cells.add(format("%.1f", result.seconds()));
    cells.add(result.peakBytes() == null ? "" : format("%,d", result.peakBytes() >> 20));
    return cells;
  }

  private static String format(String format, @Nullable Object value) {
    return value == null ? "" : format.formatted(value);
  }

  /// Size against divergence, a series for each method.
  String toSvg() {
    Function<PtqResult, String> series =
        result ->
            (result.simulated() ? "simulated" : result.method())
                + (result.cacheType().equals(PtqCommand.DEFAULT_CACHE)
                    ? ""
                    : ", cache " + result.cacheType());
    ScatterChart chart = new ScatterChart("bits a weight", "KL divergence, nats a token");
    for (PtqResult result : results) {
      if (result.bitsPerWeight() != null && result.meanKld() != null) {
        chart.add(
            series.apply(result),
            result.bitsPerWeight(),
            result.meanKld(),
            result.model().toLowerCase(Locale.ROOT) + " " + result.format());
      }
    }
    return chart.toSvg();
  }
}
