package dev.whittle.cli;

import dev.whittle.cli.report.Html;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Points in the plane as an SVG image, the second coordinate on a logarithmic scale. Written by
/// hand, since Java's own graphics needs fonts that servers lack.
final class ScatterChart {
  private static final int WIDTH = 800;
  private static final int HEIGHT = 500;
  private static final int LEFT = 80;
  private static final int RIGHT = 180;
  private static final int TOP = 20;
  private static final int BOTTOM = 50;

  /// Told apart by people who do not see all colours (Okabe and Ito 2008).
  private static final String[] COLORS = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"
  };

  private record Point(double x, double y, String label) {}

  private final String xTitle;
  private final String yTitle;
  private final Map<String, List<Point>> series = new LinkedHashMap<>();

  ScatterChart(String xTitle, String yTitle) {
    this.xTitle = xTitle;
    this.yTitle = yTitle;
  }

  /// @param y a positive number; others are left out, since they have no logarithm or no place
  void add(String seriesName, double x, double y, String label) {
    if (y > 0 && Double.isFinite(y)) {
      series.computeIfAbsent(seriesName, name -> new ArrayList<>()).add(new Point(x, y, label));
    }
  }

  String toSvg() {
    StringBuilder svg = new StringBuilder();
    svg.append(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
            .formatted(WIDTH, HEIGHT));
    svg.append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    List<Point> all = series.values().stream().flatMap(List::stream).toList();
    double mostX = Math.ceil(all.stream().mapToDouble(Point::x).max().orElse(1));
    int leastDecade =
        (int) Math.floor(Math.log10(all.stream().mapToDouble(Point::y).min().orElse(0.1)));
    int mostDecade =
        Math.max(
            leastDecade + 1,
            (int) Math.ceil(Math.log10(all.stream().mapToDouble(Point::y).max().orElse(1))));
    for (int x = 0; x <= mostX; x++) {
      double at = x(x, mostX);
      line(svg, at, TOP, at, HEIGHT - BOTTOM);
      text(svg, at, HEIGHT - BOTTOM + 18, "middle", Integer.toString(x));
    }
    for (int decade = leastDecade; decade <= mostDecade; decade++) {
      double at = y(decade, leastDecade, mostDecade);
      line(svg, LEFT, at, WIDTH - RIGHT, at);
      text(svg, LEFT - 8, at + 4, "end", decade >= 0 ? "1e" + decade : "1e−" + -decade);
    }
    text(svg, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12, "middle", xTitle);
    svg.append(
        "<text transform=\"translate(20 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n"
            .formatted((TOP + HEIGHT - BOTTOM) / 2, Html.escape(yTitle)));
    int number = 0;
    for (Map.Entry<String, List<Point>> entry : series.entrySet()) {
      String color = COLORS[number % COLORS.length];
      for (Point point : entry.getValue()) {
        svg.append(
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"><title>%s: %s, %.3f, %.4g</title></circle>\n"
                .formatted(
                    x(point.x(), mostX),
                    y(Math.log10(point.y()), leastDecade, mostDecade),
                    color,
                    Html.escape(entry.getKey()),
                    Html.escape(point.label()),
                    point.x(),
                    point.y()));
      }
      int legend = TOP + 10 + 20 * number++;
      svg.append(
          "<circle cx=\"%d\" cy=\"%d\" r=\"4\" fill=\"%s\"/>\n"
              .formatted(WIDTH - RIGHT + 20, legend, color));
      text(svg, WIDTH - RIGHT + 32, legend + 4, "start", entry.getKey());
    }
    return svg.append("</svg>\n").toString();
  }

  private static double x(double value, double most) {
    return LEFT + value / most * (WIDTH - RIGHT - LEFT);
  }

  private static double y(double decade, double least, double most) {
    return HEIGHT - BOTTOM - (decade - least) / (most - least) * (HEIGHT - BOTTOM - TOP);
  }

  private static void line(StringBuilder svg, double x1, double y1, double x2, double y2) {
    svg.append(
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n"
            .formatted(x1, y1, x2, y2));
  }

  private static void text(StringBuilder svg, double x, double y, String anchor, String text) {
    svg.append(
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n"
            .formatted(x, y, anchor, Html.escape(text)));
  }
}
