package dev.whittle.distillation;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A figure over a run, such as the weight of an objective: constant, or linear between two points
/// of it.
///
/// @param from the value until `start`, at least 0
/// @param to the value from `end` on, at least 0
/// @param start share of the run, from 0
/// @param end share of the run, at most 1
public record Ramp(double from, double to, double start, double end) {
  private static final Pattern RANGE =
      Pattern.compile("(.+)\\.\\.([^@]+)(?:@(?:([^-]+)-)?([^-]+))?");

  public Ramp {
    if (!(from >= 0) || !(to >= 0) || Double.isInfinite(from + to) || !(from + to > 0)) {
      throw new IllegalArgumentException(
          "it must be positive, or a range such as 1..0 with one end that is, not "
              + (from == to ? from : from + ".." + to));
    }
    if (!(start >= 0 && start < end && end <= 1)) {
      throw new IllegalArgumentException(
          "it changes between two shares of the run such as 0.2-0.8, not " + start + "-" + end);
    }
  }

  /// The same value all along.
  static Ramp constant(double value) {
    return new Ramp(value, value, 0, 1);
  }

  /// Reads `0.5`; or `1..0`, linear from the first step to the last; `1..0@0.5`, which is there
  /// after half of the steps; or `0..1@0.5-0.8`, which begins to change there.
  ///
  /// @throws IllegalArgumentException if it is none of these
  public static Ramp parse(String text) {
    try {
      Matcher range = RANGE.matcher(text);
      if (!range.matches()) {
        return constant(Double.parseDouble(text));
      }
      return new Ramp(
          Double.parseDouble(range.group(1)),
          Double.parseDouble(range.group(2)),
          range.group(3) == null ? 0 : Double.parseDouble(range.group(3)),
          range.group(4) == null ? 1 : Double.parseDouble(range.group(4)));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "'" + text + "' is neither a number nor a range such as 1..0@0.5", e);
    }
  }

  /// The value at a share of the run.
  double at(double progress) {
    double done = Math.clamp((progress - start) / (end - start), 0, 1);
    return from + done * (to - from);
  }

  /// The share of the run that is over at a step: 0 at the first, 1 at the last.
  ///
  /// @param step from 1
  static double progress(int step, int steps) {
    return steps == 1 ? 1 : (step - 1.0) / (steps - 1);
  }

  boolean isConstant() {
    return from == to;
  }

  double highest() {
    return Math.max(from, to);
  }

  /// As [#parse] reads it.
  @Override
  public String toString() {
    if (isConstant()) {
      return Double.toString(from);
    }
    String range = from + ".." + to;
    if (start > 0) {
      return range + "@" + start + "-" + end;
    }
    return end < 1 ? range + "@" + end : range;
  }
}
