package dev.whittle.cli;

import java.time.Duration;

/// Tells on standard error how far long work has come: on a terminal by a line that is redrawn,
/// elsewhere by a plain line now and then, none at all if the work is done before the first is due.
final class Progress implements AutoCloseable {
  private static final long REDRAW_NANOS = Duration.ofMillis(100).toNanos();
  private static final long LINE_NANOS = Duration.ofSeconds(10).toNanos();

  /// A guess at the time left is worth nothing before so much of it has passed.
  private static final long GUESS_NANOS = Duration.ofSeconds(2).toNanos();

  private static final int BAR_WIDTH = 10;

  /// What fits on any terminal: a line that wraps cannot be redrawn.
  private static final int LINE_WIDTH = 79;

  private static final String ERASE_LINE = "\r\u001b[K";

  private final Terminal terminal;
  private final String task;
  private final String unit;
  private long lastShown = System.nanoTime();
  private boolean drawn;

  /// The first update: the speed is measured from there, since a resumed run does not begin at 0.
  private long firstTime;

  private long firstDone = -1;

  /// @param task what is being done, a word or two
  /// @param unit what is counted, in the plural
  Progress(Terminal terminal, String task, String unit) {
    this.terminal = terminal;
    this.task = task;
    this.unit = unit;
  }

  /// Takes note of how much is done.
  ///
  /// @param detail what else is worth knowing at the moment, or an empty string
  void update(long done, long total, String detail) {
    long now = System.nanoTime();
    if (firstDone < 0) {
      firstDone = done;
      firstTime = now;
    }
    if (now - lastShown < (terminal.isLive() ? REDRAW_NANOS : LINE_NANOS)) {
      return;
    }
    lastShown = now;
    String line = line(done, total, detail, now - firstTime);
    if (terminal.isLive()) {
      String fitting = line.length() <= LINE_WIDTH ? line : line.substring(0, LINE_WIDTH);
      terminal.err().print(ERASE_LINE + fitting);
      terminal.err().flush();
      drawn = true;
    } else {
      terminal.say(line);
    }
  }

  private String line(long done, long total, String detail, long elapsed) {
    double part = total == 0 ? 1 : Math.clamp((double) done / total, 0, 1);
    StringBuilder line = new StringBuilder(task).append(' ');
    if (terminal.isLive()) {
      int filled = (int) Math.round(part * BAR_WIDTH);
      line.append("█".repeat(filled)).append("░".repeat(BAR_WIDTH - filled)).append(' ');
    } else {
      line.append("%3.0f%%  ".formatted(100 * part));
    }
    line.append("%,d/%,d %s".formatted(done, total, unit));
    if (done > firstDone && done < total && elapsed >= GUESS_NANOS) {
      double nanosEach = (double) elapsed / (done - firstDone);
      line.append(", ").append(clock((long) (nanosEach * (total - done)))).append(" left");
    }
    return detail.isEmpty() ? line.toString() : line.append(", ").append(detail).toString();
  }

  /// A duration as a clock has it: `4:05`, `3:20:00`.
  private static String clock(long nanos) {
    Duration duration = Duration.ofNanos(nanos);
    String minutes = "%02d:%02d".formatted(duration.toMinutesPart(), duration.toSecondsPart());
    return duration.toHours() > 0
        ? duration.toHours() + ":" + minutes
        : minutes.replaceFirst("^0", "");
  }

  /// A duration as people say it: `45 s`, `12 min 5 s`, `3 h 20 min`.
  static String duration(long nanos) {
    Duration duration = Duration.ofNanos(nanos);
    if (duration.toHours() > 0) {
      return duration.toHours() + " h " + duration.toMinutesPart() + " min";
    }
    return duration.toMinutes() > 0
        ? duration.toMinutes() + " min " + duration.toSecondsPart() + " s"
        : duration.toSeconds() + " s";
  }

  /// Takes the line off the terminal.
  @Override
  public void close() {
    if (drawn) {
      terminal.err().print(ERASE_LINE);
      terminal.err().flush();
    }
  }
}
