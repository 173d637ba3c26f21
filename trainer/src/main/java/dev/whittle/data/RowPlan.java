package dev.whittle.data;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/// Which documents go into which row, for one epoch. The same corpus, row length, seed and epoch
/// make the same plan.
///
/// The documents come in a random order and are packed window by window, by best fit decreasing:
/// the longest document first, each into the fullest row that has room for it. The rows are
/// shuffled at the end, since a window's last ones hold short documents only.
final class RowPlan {
  /// A larger window fills better, and mixes documents from further apart.
  private static final int WINDOW = 4096;

  /// [row][document]
  private final int[][] rows;

  private RowPlan(int[][] rows) {
    this.rows = rows;
  }

  /// @param documents the numbers of those that there is a plan for
  static RowPlan of(TokenizedCorpus corpus, int[] documents, int rowLength, long seed, int epoch) {
    Random random = Epochs.order(seed, epoch);
    int[] order = documents.clone();
    shuffle(order, random);
    List<int[]> rows = pack(corpus, order, rowLength);
    Collections.shuffle(rows, random);
    return new RowPlan(rows.toArray(int[][]::new));
  }

  /// The plan that only packing keeps from the order of the corpus.
  static RowPlan inOrder(TokenizedCorpus corpus, int[] documents, int rowLength) {
    return new RowPlan(pack(corpus, documents, rowLength).toArray(int[][]::new));
  }

  private static List<int[]> pack(TokenizedCorpus corpus, int[] order, int rowLength) {
    List<int[]> rows = new ArrayList<>();
    for (int from = 0; from < order.length; from += WINDOW) {
      int to = Math.min(order.length, from + WINDOW);
      packWindow(corpus, Arrays.copyOfRange(order, from, to), rowLength)
          .forEach(row -> rows.add(row.documents()));
    }
    return rows;
  }

  /// Brings them into a random order (Fisher and Yates).
  private static void shuffle(int[] order, Random random) {
    for (int last = order.length - 1; last > 0; last--) {
      int chosen = random.nextInt(last + 1);
      int swapped = order[last];
      order[last] = order[chosen];
      order[chosen] = swapped;
    }
  }

  private static List<Row> packWindow(TokenizedCorpus corpus, int[] documents, int rowLength) {
    List<Integer> longestFirst =
        Arrays.stream(documents)
            .boxed()
            .sorted(Comparator.comparingInt(corpus::length).reversed())
            .toList();
    List<Row> rows = new ArrayList<>();
    TreeMap<Integer, Deque<Row>> byRoom = new TreeMap<>();
    for (int document : longestFirst) {
      int length = corpus.length(document);
      Map.Entry<Integer, Deque<Row>> fullest = byRoom.ceilingEntry(length);
      int room;
      Row row;
      if (fullest == null) {
        room = rowLength;
        row = new Row();
        rows.add(row);
      } else {
        room = fullest.getKey();
        row = fullest.getValue().removeFirst();
        if (fullest.getValue().isEmpty()) {
          byRoom.remove(room);
        }
      }
      row.add(document);
      byRoom.computeIfAbsent(room - length, key -> new ArrayDeque<>()).addLast(row);
    }
    return rows;
  }

  /// How many rows the epoch has, at least 1.
  int size() {
    return rows.length;
  }

  /// The documents of a row, in their order.
  int[] row(int index) {
    return rows[index];
  }

  private static final class Row {
    private int[] documents = new int[4];
    private int count;

    void add(int document) {
      if (count == documents.length) {
        documents = Arrays.copyOf(documents, 2 * count);
      }
      documents[count++] = document;
    }

    int[] documents() {
      return Arrays.copyOf(documents, count);
    }
  }
}
