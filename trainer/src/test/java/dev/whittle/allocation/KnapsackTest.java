package dev.whittle.allocation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.allocation.Knapsack.Option;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class KnapsackTest {
  private final Random random = new Random(3);

  @Test
  void noChoiceThatFitsCostsLess() {
    for (int trial = 0; trial < 200; trial++) {
      List<List<Option>> items = items(4, 1 + random.nextInt(40));
      long room = smallest(items) + random.nextInt(200);
      int[] chosen = Knapsack.choose(items, room);
      assertTrue(size(items, chosen) <= room);
      assertEquals(leastCost(items, 0, room), cost(items, chosen), 1e-9);
    }
  }

  @Test
  void sizesTooFineForTheTableStillFit() {
    for (int trial = 0; trial < 20; trial++) {
      List<List<Option>> items = items(30, 1_000_000_007L);
      long room = smallest(items) + random.nextLong(300_000_000_000L);
      int[] chosen = Knapsack.choose(items, room);
      assertTrue(size(items, chosen) <= room);
    }
  }

  @Test
  void thereMayBeNoRoomToSpare() {
    List<List<Option>> items = items(10, 7);
    assertEquals(smallest(items), size(items, Knapsack.choose(items, smallest(items))));
  }

  private List<List<Option>> items(int count, long scale) {
    List<List<Option>> items = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      List<Option> options = new ArrayList<>();
      for (int o = 0; o <= random.nextInt(5); o++) {
        options.add(new Option(random.nextInt(12) * scale, random.nextDouble()));
      }
      items.add(options);
    }
    return items;
  }

  private static long smallest(List<List<Option>> items) {
    return items.stream()
        .mapToLong(options -> options.stream().mapToLong(Option::size).min().orElseThrow())
        .sum();
  }

  private static long size(List<List<Option>> items, int[] chosen) {
    long sum = 0;
    for (int i = 0; i < chosen.length; i++) {
      sum += items.get(i).get(chosen[i]).size();
    }
    return sum;
  }

  private static double cost(List<List<Option>> items, int[] chosen) {
    double sum = 0;
    for (int i = 0; i < chosen.length; i++) {
      sum += items.get(i).get(chosen[i]).cost();
    }
    return sum;
  }

  /// By trying everything.
  private static double leastCost(List<List<Option>> items, int from, long room) {
    if (room < 0) {
      return Double.POSITIVE_INFINITY;
    }
    if (from == items.size()) {
      return 0;
    }
    return items.get(from).stream()
        .mapToDouble(option -> option.cost() + leastCost(items, from + 1, room - option.size()))
        .min()
        .orElseThrow();
  }
}
