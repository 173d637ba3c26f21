package dev.whittle.cli.report;

import dev.whittle.cli.report.LineChart.Line;
import dev.whittle.cli.report.Metrics.Point;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// How training went: a chart for each figure that was written down.
final class Curves {
  /// The figures that are known, in the order of the charts, and what they are called. Others
  /// follow under their own names.
  private static final Map<String, String> TITLES = new LinkedHashMap<>();

  static {
    TITLES.put("loss", "Loss");
    TITLES.put("held_out_loss", "Loss on held-out text");
    TITLES.put("held_out_accuracy", "Accuracy on held-out questions");
    TITLES.put("on_policy_loss", "Loss on the student's own replies");
    TITLES.put("hidden_loss", "Loss of the hidden states");
    TITLES.put("kl", "KL divergence, nats a token");
    TITLES.put("accuracy", "Accuracy");
    TITLES.put("reward", "Reward");
    TITLES.put("lr", "Learning rate");
    TITLES.put("grad_norm", "Norm of the gradient");
    TITLES.put("tokens_per_second", "Tokens a second");
  }

  /// What grows by itself, or hardly changes.
  private static final List<String> LEFT_OUT = List.of("tokens", "peak_bytes");

  /// What is set, and not measured.
  private static final List<String> SET = List.of("lr");

  private static final int PALETTE = 6;

  private Curves() {}

  /// @param runs several are drawn into the same charts
  static String toHtml(List<Metrics> runs) {
    Map<String, List<Line>> charts = new LinkedHashMap<>();
    TITLES.keySet().forEach(figure -> charts.put(figure, new ArrayList<>()));
    for (int i = 0; i < runs.size(); i++) {
      Metrics run = runs.get(i);
      int color = i % PALETTE;
      run.series()
          .forEach((figure, points) -> {
            if (!LEFT_OUT.contains(figure) && !isConstantZero(points)) {
              charts
                  .computeIfAbsent(figure, f -> new ArrayList<>())
                  .add(new Line(run.name(), color, points));
            }
          });
    }
    StringBuilder html = new StringBuilder("<div class=\"charts\">\n");
    charts.forEach((figure, lines) -> {
      if (!lines.isEmpty()) {
        String title = TITLES.getOrDefault(figure, figure.replace('_', ' '));
        html.append(new LineChart(title, lines, !SET.contains(figure)).toHtml());
      }
    });
    return html.append("</div>\n").toString();
  }

  private static boolean isConstantZero(List<Point> points) {
    return points.stream().allMatch(point -> point.value() == 0);
  }
}
