package dev.whittle.synthesis;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// Finds texts that say the same as an earlier one.
///
/// Two texts are the same if they differ in case and spaces only. They are similar by the share of
/// runs of five characters that they have in common, of all that either has (Jaccard's index). Of
/// texts with many runs that is estimated by the least hashes of both (the bottom sketch of Cohen
/// and Kaplan 2007), so that a text takes no more than two kilobytes, however long it is: at a
/// similarity of 0.9, with a standard error of 0.013. Which texts to compare at all is decided by
/// MinHash (Broder 1997) and locality-sensitive hashing: for each of 64 hash functions a text has
/// its runs' least value, and texts are compared that have all values of one of 8 bands of 8 in
/// common. Pairs of similarity 0.95 are found with a probability of 0.9998, of 0.8 with 0.77.
final class Duplicates {
  private static final int RUN = 5;
  private static final int BANDS = 8;
  private static final int BAND_WIDTH = 8;

  /// The most runs of a text that are kept.
  private static final int SKETCH = 512;

  private static final Pattern SPACE = Pattern.compile("\\s+");

  private final double threshold;
  private final Set<UUID> seen = new HashSet<>();

  /// The sketch of each text that was kept: of its runs' hashes the least, ascending.
  private final List<int[]> texts = new ArrayList<>();

  /// The texts that have some band's values, by a hash of these and the band.
  private final Map<Long, int[]> bands = new HashMap<>();

  /// @param threshold texts at least this similar are near duplicates; above 1 for none
  Duplicates(double threshold) {
    this.threshold = threshold;
  }

  /// What is compared of a text.
  static String normalized(String text) {
    return SPACE.matcher(text.toLowerCase(Locale.ROOT)).replaceAll(" ").strip();
  }

  /// Takes note of a text, unless it is a duplicate.
  ///
  /// @return why it is one; empty if it is new
  Optional<Rejection> add(String text) {
    String words = normalized(text);
    // 122 bits of a digest: two texts of a billion share them with a probability of 1e-19.
    if (!seen.add(UUID.nameUUIDFromBytes(words.getBytes(StandardCharsets.UTF_8)))) {
      return Optional.of(Rejection.DUPLICATE);
    }
    if (threshold > 1) {
      return Optional.empty();
    }
    int[] runs = runs(words);
    long[] keys = keys(runs);
    int[] sketch = sketch(runs);
    for (long key : keys) {
      for (int earlier : bands.getOrDefault(key, new int[0])) {
        if (similarity(sketch, texts.get(earlier)) >= threshold) {
          return Optional.of(Rejection.NEAR_DUPLICATE);
        }
      }
    }
    int number = texts.size();
    texts.add(sketch);
    for (long key : keys) {
      bands.merge(key, new int[] {number}, Duplicates::joined);
    }
    return Optional.empty();
  }

  private static int[] joined(int[] first, int[] second) {
    int[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  /// The share of what is in both, among the least of what is in either: of all, where neither text
  /// has more runs than are kept.
  private static double similarity(int[] first, int[] second) {
    int common = 0;
    int either = 0;
    int i = 0;
    int j = 0;
    boolean whole = first.length < SKETCH && second.length < SKETCH;
    while ((whole || either < SKETCH) && (i < first.length || j < second.length)) {
      boolean inFirst = j == second.length || (i < first.length && first[i] <= second[j]);
      boolean inSecond = i == first.length || (j < second.length && second[j] <= first[i]);
      common += inFirst && inSecond ? 1 : 0;
      either++;
      i += inFirst ? 1 : 0;
      j += inSecond ? 1 : 0;
    }
    return (double) common / either;
  }

  /// The hashes of a text's runs, each once.
  private static int[] runs(String text) {
    int count = Math.max(1, text.length() - RUN + 1);
    return IntStream.range(0, count)
        .map(start -> text.substring(start, Math.min(text.length(), start + RUN)).hashCode())
        .distinct()
        .toArray();
  }

  /// A sample of runs that is as good as random, and has of two texts the same where it can.
  private static int[] sketch(int[] runs) {
    return IntStream.of(runs)
        .map(run -> (int) mixed(run))
        .sorted()
        .distinct()
        .limit(SKETCH)
        .toArray();
  }

  /// A key for each band: a hash of its least values.
  private static long[] keys(int[] runs) {
    long[] keys = new long[BANDS];
    for (int band = 0; band < BANDS; band++) {
      keys[band] = band;
      for (int hash = band * BAND_WIDTH; hash < (band + 1) * BAND_WIDTH; hash++) {
        long least = Long.MAX_VALUE;
        for (int run : runs) {
          least = Math.min(least, mixed(run + hash * 0x9E3779B97F4A7C15L));
        }
        keys[band] = mixed(keys[band] + least);
      }
    }
    return keys;
  }

  /// A bijection whose bits depend on all of its argument's (the finalizer of SplitMix64).
  private static long mixed(long value) {
    long v = value + 0x9E3779B97F4A7C15L;
    v = (v ^ (v >>> 30)) * 0xBF58476D1CE4E5B9L;
    v = (v ^ (v >>> 27)) * 0x94D049BB133111EBL;
    return v ^ (v >>> 31);
  }
}
