package dev.whittle.evaluation;

import dev.whittle.data.DataException;
import dev.whittle.data.Dataset;
import dev.whittle.data.Example;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// The questions of a data set: its examples that have an answer to be graded against.
final class Questions {
  /// The domain of examples that name none.
  static final String NO_DOMAIN = "other";

  private Questions() {}

  /// @param limit how many to take; 0 for all
  /// @throws DataException if an example has no answer, or asks for no reply
  static List<Example> read(Dataset dataset, int limit) {
    if (limit < 0) {
      throw new IllegalArgumentException("a limit of " + limit + " questions; 0 or more needed");
    }
    List<Example> all;
    try (Stream<Example> examples = dataset.examples()) {
      all = examples.peek(example -> requireQuestion(dataset, example)).toList();
    }
    return limit == 0 || limit >= all.size() ? all : subset(all, limit);
  }

  private static void requireQuestion(Dataset dataset, Example example) {
    if (example.answer() == null) {
      throw new DataException(
          dataset.where(example) + " has no field 'answer' to grade a reply by; add it");
    }
    if (example.answer().isBlank()) {
      throw new DataException(
          dataset.where(example) + " has an empty field 'answer'; write what a reply is to hold");
    }
    dataset.requireQuestion(example);
  }

  static String domain(Example example) {
    String domain = example.domain();
    return domain == null ? NO_DOMAIN : domain;
  }

  /// Each domain gets its share of the limit, and those with the greatest remainders what is left
  /// over. Within a domain the questions are evenly spaced, and all keep their order.
  private static List<Example> subset(List<Example> all, int limit) {
    Map<String, List<Integer>> byDomain = new LinkedHashMap<>();
    for (int i = 0; i < all.size(); i++) {
      byDomain.computeIfAbsent(domain(all.get(i)), name -> new ArrayList<>()).add(i);
    }
    Map<String, Integer> quotas = quotas(byDomain, limit, all.size());
    List<Integer> chosen = new ArrayList<>();
    byDomain.forEach((domain, indices) -> {
      int quota = quotas.get(domain);
      for (int k = 0; k < quota; k++) {
        chosen.add(indices.get((int) ((2L * k + 1) * indices.size() / (2L * quota))));
      }
    });
    return chosen.stream().sorted().map(all::get).toList();
  }

  private static Map<String, Integer> quotas(
      Map<String, List<Integer>> byDomain, int limit, int total) {
    Map<String, Integer> quotas = new LinkedHashMap<>();
    Map<String, Long> remainders = new LinkedHashMap<>();
    int given = 0;
    for (Map.Entry<String, List<Integer>> entry : byDomain.entrySet()) {
      long share = (long) limit * entry.getValue().size();
      quotas.put(entry.getKey(), (int) (share / total));
      remainders.put(entry.getKey(), share % total);
      given += (int) (share / total);
    }
    remainders.entrySet().stream()
        .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
        .limit(limit - given)
        .forEach(entry -> quotas.merge(entry.getKey(), 1, Integer::sum));
    return quotas;
  }
}
