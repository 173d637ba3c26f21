package dev.whittle.cli.recipe;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/// Which known name somebody may have meant.
public final class NearestName {
  private NearestName() {}

  /// The known name that takes the fewest edits to get to, if it takes no more than half of its
  /// letters.
  public static Optional<String> of(String name, Collection<String> known) {
    return known.stream()
        .min(Comparator.comparingInt(candidate -> distance(name, candidate)))
        .filter(nearest -> 2 * distance(name, nearest) <= nearest.length());
  }

  /// The sentence's end for an unknown name: the nearest one, or all of them.
  public static String mend(String name, Collection<String> known) {
    return of(name, known)
        .map(nearest -> "did you mean '" + nearest + "'?")
        .orElseGet(() -> "use one of " + String.join(", ", known));
  }

  /// Levenshtein's distance: letters to insert, delete or replace.
  private static int distance(String from, String to) {
    int[] row = new int[to.length() + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = j;
    }
    for (int i = 1; i <= from.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j < row.length; j++) {
        int replaced = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[to.length()];
  }
}
