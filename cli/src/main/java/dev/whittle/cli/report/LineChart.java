package dev.whittle.cli.report;

import dev.whittle.cli.report.Metrics.Point;
import java.util.ArrayList;
import java.util.List;

/// A figure over the steps of one or more runs, as SVG.
///
/// Where there are many points, the line is a running mean, and the points themselves lie behind
/// it, faintly. The scale is logarithmic where the figure spans more than it could show otherwise.
///
/// @param title what is shown
/// @param lines one a run; the palette has as many colours as any chart should have
/// @param noisy whether the figure is a sample, whose mean is of interest
record LineChart(String title, List<Line> lines, boolean noisy) {
  private static final int WIDTH = 360;
  private static final int HEIGHT = 220;
  private static final int LEFT = 56;
  private static final int RIGHT = 10;
  private static final int TOP = 10;
  private static final int BOTTOM = 26;

  /// More points than this cannot be told apart.
  private static final int MOST_POINTS = 300;

  /// From so many points on, the mean is worth more than each of them.
  private static final int NOISY = 40;

  private static final double SMOOTHING = 0.08;

  /// How many times the smallest value the greatest is where a linear scale shows too little.
  private static final double LOGARITHMIC = 30;

  /// One of so many points, on either side, may lie outside the chart.
  private static final int OUTLIERS = 50;

  private static final int TICKS = 4;

  /// Values that differ by a lesser share are the same but for roundings, which no scale can show.
  private static final double SAME = 1e-9;

  /// @param color which of the palette's, from 0
  record Line(String name, int color, List<Point> points) {}

  String toHtml() {
    List<Line> shown =
        lines.stream().map(l -> new Line(l.name, l.color, thinned(l.points))).toList();
    List<Line> means =
        shown.stream().map(l -> new Line(l.name, l.color, smoothed(l.points))).toList();
    Scale y = scale(shown, means);
    double lastStep =
        Math.max(
            2,
            shown.stream()
                .flatMap(l -> l.points.stream())
                .mapToDouble(Point::step)
                .max()
                .orElse(2));
    Scale x = new Scale(false, 1, lastStep);
    StringBuilder svg = new StringBuilder();
    svg.append("<figure class=\"chart\"><figcaption>")
        .append(Html.escape(title))
        .append(y.logarithmic ? " <small>logarithmic</small>" : "")
        .append("</figcaption><svg viewBox=\"0 0 %d %d\" role=\"img\">".formatted(WIDTH, HEIGHT))
        .append("<title>")
        .append(Html.escape(title + " by step"))
        .append("</title>");
    axes(svg, x, y);
    for (int i = 0; i < shown.size(); i++) {
      if (noisy && shown.get(i).points.size() >= NOISY) {
        path(svg, shown.get(i), x, y, "noise");
      }
      path(svg, means.get(i), x, y, "line");
    }
    svg.append("</svg>");
    svg.append(ends(lines)).append("</figure>\n");
    return svg.toString();
  }

  /// The last value of each line, in words.
  private String ends(List<Line> lines) {
    StringBuilder text = new StringBuilder("<p class=\"key\">");
    for (Line line : lines) {
      double last = smoothed(thinned(line.points)).getLast().value();
      text.append(
          "<span><i class=\"c%d\"></i>%s %s</span> "
              .formatted(line.color, Html.escape(line.name), Html.number(last)));
    }
    return text.append("</p>").toString();
  }

  /// Means of neighbouring points, if there are too many.
  private static List<Point> thinned(List<Point> points) {
    if (points.size() <= MOST_POINTS) {
      return points;
    }
    List<Point> thinned = new ArrayList<>();
    for (int i = 0; i < MOST_POINTS; i++) {
      int from = (int) ((long) i * points.size() / MOST_POINTS);
      int to = (int) ((i + 1L) * points.size() / MOST_POINTS);
      double sum = 0;
      for (Point point : points.subList(from, to)) {
        sum += point.value();
      }
      thinned.add(new Point(points.get(to - 1).step(), sum / (to - from)));
    }
    return thinned;
  }

  /// The exponential running mean, corrected for its beginning as in Adam.
  private List<Point> smoothed(List<Point> points) {
    if (!noisy || points.size() < NOISY) {
      return points;
    }
    List<Point> smoothed = new ArrayList<>();
    double mean = 0;
    double weight = 0;
    for (Point point : points) {
      mean += SMOOTHING * (point.value() - mean);
      weight += SMOOTHING * (1 - weight);
      smoothed.add(new Point(point.step(), mean / weight));
    }
    return smoothed;
  }

  /// All means fit, and all points but a few: an outlier must not flatten everything else.
  private static Scale scale(List<Line> shown, List<Line> means) {
    double[] points = values(shown);
    double[] smooth = values(means);
    if (points.length == 0) {
      return new Scale(false, 0, 1);
    }
    int outliers = points.length / OUTLIERS;
    double least = Math.min(points[outliers], smooth[0]);
    double greatest = Math.max(points[points.length - 1 - outliers], smooth[smooth.length - 1]);
    if (least > 0 && greatest > LOGARITHMIC * least) {
      return new Scale(true, least, greatest);
    }
    double size = Math.max(Math.abs(least), Math.abs(greatest));
    double margin =
        greatest - least > SAME * size ? 0.05 * (greatest - least) : Math.max(1e-9, size);
    // Most figures mean most in relation to zero.
    double bottom = least >= 0 && least < 0.6 * greatest ? 0 : least - margin;
    return new Scale(false, bottom, greatest + margin);
  }

  /// The values, sorted.
  private static double[] values(List<Line> lines) {
    return lines.stream()
        .flatMap(line -> line.points.stream())
        .mapToDouble(Point::value)
        .filter(Double::isFinite)
        .sorted()
        .toArray();
  }

  /// From values to places, 0 to 1.
  private record Scale(boolean logarithmic, double least, double greatest) {
    double place(double value) {
      double place =
          logarithmic
              ? Math.log(value / least) / Math.log(greatest / least)
              : (value - least) / (greatest - least);
      return Math.clamp(place, 0, 1);
    }

    /// Round values, about so many.
    List<Double> ticks(int count) {
      List<Double> ticks = new ArrayList<>();
      if (logarithmic) {
        for (double[] multiples : new double[][] {{1}, {1, 2, 5}}) {
          ticks.clear();
          for (int power = (int) Math.floor(Math.log10(least));
              power <= Math.log10(greatest) + 1e-9;
              power++) {
            for (double multiple : multiples) {
              double tick = multiple * Math.pow(10, power);
              if (tick >= least * (1 - 1e-9) && tick <= greatest * (1 + 1e-9)) {
                ticks.add(tick);
              }
            }
          }
          if (ticks.size() >= 2) {
            return ticks;
          }
        }
        ticks.clear();
        ticks.add(least);
        ticks.add(Math.sqrt(least * greatest));
        ticks.add(greatest);
        return ticks;
      }
      double raw = (greatest - least) / count;
      double power = Math.pow(10, Math.floor(Math.log10(raw)));
      double step =
          power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10);
      for (double tick = Math.ceil(least / step) * step;
          tick <= greatest + 1e-9 * step;
          tick += step) {
        // Sums of steps are off by their roundings.
        ticks.add(Math.rint(tick / step) * step);
      }
      return ticks;
    }
  }

  private static double left(double place) {
    return LEFT + place * (WIDTH - LEFT - RIGHT);
  }

  private static double top(double place) {
    return TOP + (1 - place) * (HEIGHT - TOP - BOTTOM);
  }

  private static void axes(StringBuilder svg, Scale x, Scale y) {
    for (double tick : y.ticks(TICKS)) {
      double at = top(y.place(tick));
      svg.append(
              "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                  .formatted(LEFT, WIDTH - RIGHT, at, at))
          .append(
              "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>"
                  .formatted(LEFT - 6, at + 4, label(tick)));
    }
    for (double tick : x.ticks(TICKS)) {
      svg.append(
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>"
              .formatted(left(x.place(tick)), HEIGHT - 8, label(tick)));
    }
  }

  /// A tick is round, so it needs few digits.
  private static String label(double tick) {
    double size = Math.abs(tick);
    if (size != 0 && (size < 1e-3 || size >= 1e6)) {
      String text = "%.1e".formatted(tick).replace(".0e", "e");
      return text.replaceFirst("e([+-])0*", "e$1").replace("e+", "e");
    }
    String text = "%,.4f".formatted(tick).replaceFirst("0+$", "");
    return text.endsWith(".") ? text.substring(0, text.length() - 1) : text;
  }

  private static void path(StringBuilder svg, Line line, Scale x, Scale y, String style) {
    StringBuilder path = new StringBuilder();
    for (Point point : line.points) {
      boolean drawable = Double.isFinite(point.value()) && (!y.logarithmic || point.value() > 0);
      if (drawable) {
        path.append(path.isEmpty() ? 'M' : 'L')
            .append(
                "%.1f %.1f".formatted(left(x.place(point.step())), top(y.place(point.value()))));
      }
    }
    svg.append("<path class=\"%s c%d\" d=\"%s\"/>".formatted(style, line.color, path));
    if (line.points.size() == 1) {
      Point only = line.points.getFirst();
      svg.append(
          "<circle class=\"c%d\" r=\"3\" cx=\"%.1f\" cy=\"%.1f\"/>"
              .formatted(line.color, left(x.place(only.step())), top(y.place(only.value()))));
    }
  }
}
