package dev.whittle.cli.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.whittle.cli.report.LineChart.Line;
import dev.whittle.cli.report.Metrics.Point;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class LineChartTest {
  private static final Pattern GRID = Pattern.compile("class=\"grid\"");

  private static int ticks(double... values) {
    List<Point> points =
        IntStream.range(0, values.length).mapToObj(i -> new Point(i + 1, values[i])).toList();
    String html = new LineChart("x", List.of(new Line("run", 0, points)), false).toHtml();
    return (int) GRID.matcher(html).results().count();
  }

  @Test
  void aScaleHasSomeTicks() {
    assertEquals(4, ticks(0.1, 0.35));
    assertEquals(5, ticks(-1, 1));
    // From 1 to 1,000: one for each power.
    assertEquals(4, ticks(1, 10, 1000));
  }

  /// There is no number between them for another tick.
  @Test
  @Timeout(value = 30, unit = TimeUnit.SECONDS)
  void aScaleOfRoundingsIsThatOfOneValue() {
    assertEquals(ticks(2e-4, 2e-4), ticks(2e-4, Math.nextUp(2e-4)));
    assertEquals(ticks(-3, -3), ticks(-3, Math.nextUp(-3.0)));
  }
}
