package dev.whittle.allocation;

import java.util.Arrays;
import java.util.List;

/// The multiple-choice knapsack problem: one option of each item, so that the costs are least and
/// the sizes fit. Solved by dynamic programming over the room (Kellerer, Pferschy and Pisinger
/// 2004, chapter 11).
final class Knapsack {
  /// What one choice for an item means.
  ///
  /// @param size what it takes of the room, 0 or more
  /// @param cost what is to be small in sum
  record Option(long size, double cost) {}

  /// The room is divided into so many units at most; a size counts as whole units, so that with
  /// more room than this a little of it may stay empty.
  private static final int MOST_UNITS = 1 << 16;

  private Knapsack() {}

  /// The index of the option that each item gets.
  ///
  /// @param items the options of each, at least one
  /// @throws IllegalArgumentException if not even the smallest options fit
  static int[] choose(List<List<Option>> items, long room) {
    long[] least = items.stream().mapToLong(Knapsack::leastSize).toArray();
    long spare = room - Arrays.stream(least).sum();
    if (spare < 0) {
      throw new IllegalArgumentException(
          "the smallest options take " + (room - spare) + " and there is room for " + room);
    }
    long unit = unit(items, least, spare);
    int units = Math.toIntExact(spare / unit);
    byte[][] chosen = new byte[items.size()][units + 1];
    double[] best = new double[units + 1];
    for (int i = 0; i < chosen.length; i++) {
      best = add(items.get(i), least[i], unit, best, chosen[i]);
    }
    int[] result = new int[chosen.length];
    int left = units;
    for (int i = chosen.length - 1; i >= 0; i--) {
      result[i] = chosen[i][left];
      left -= units(items.get(i).get(result[i]), least[i], unit);
    }
    return result;
  }

  /// The least costs with one more item, for each number of units that may be taken.
  private static double[] add(
      List<Option> options, long least, long unit, double[] before, byte[] chosen) {
    double[] after = new double[before.length];
    Arrays.fill(after, Double.POSITIVE_INFINITY);
    for (int o = 0; o < options.size(); o++) {
      int taken = units(options.get(o), least, unit);
      for (int u = taken; u < after.length; u++) {
        double cost = before[u - taken] + options.get(o).cost();
        if (cost < after[u]) {
          after[u] = cost;
          chosen[u] = (byte) o;
        }
      }
    }
    return after;
  }

  private static long leastSize(List<Option> options) {
    return options.stream().mapToLong(Option::size).min().orElseThrow();
  }

  private static int units(Option option, long least, long unit) {
    return (int) Math.min(Integer.MAX_VALUE, Math.ceilDiv(option.size() - least, unit));
  }

  /// What all sizes are a multiple of, if that divides the room into few enough units.
  private static long unit(List<List<Option>> items, long[] least, long spare) {
    long divisor = 0;
    for (int i = 0; i < least.length; i++) {
      for (Option option : items.get(i)) {
        divisor = gcd(divisor, option.size() - least[i]);
      }
    }
    return Math.max(Math.max(1, divisor), Math.ceilDiv(spare, MOST_UNITS));
  }

  private static long gcd(long a, long b) {
    return b == 0 ? a : gcd(b, a % b);
  }
}
