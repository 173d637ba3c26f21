package dev.whittle.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Which documents go into which row, for one epoch. The same corpus, row length, seed and epoch
/// make the same plan.
///
/// The documents come in a random order. Each goes into the fullest of the open rows that has room
/// for it (best fit); when none has, a new row is opened. The rows are shuffled at the end, since
/// those that are closed last are the emptiest.
final class RowPlan {
  /// More open rows fill better, and cost time for every document.
  private static final int MOST_OPEN = 64;

  /// Room for less than the shortest document of a corpus is no room.
  private static final int SHORTEST = 2;

  /// [row][document]
  private final int[][] rows;

  private RowPlan(int[][] rows) {
    this.rows = rows;
  }

  static RowPlan of(TokenizedCorpus corpus, int rowLength, long seed, int epoch) {
    // The odd constant keeps the epochs of neighbouring seeds apart.
    Random random = new Random(seed + epoch * 0x9E3779B97F4A7C15L);
    List<int[]> rows = pack(corpus, shuffled(corpus.size(), random), rowLength);
    Collections.shuffle(rows, random);
    return new RowPlan(rows.toArray(int[][]::new));
  }

  /// The numbers from 0 in a random order (Fisher and Yates).
  private static int[] shuffled(int count, Random random) {
    int[] order = IntStream.range(0, count).toArray();
    for (int last = count - 1; last > 0; last--) {
      int chosen = random.nextInt(last + 1);
      int swapped = order[last];
      order[last] = order[chosen];
      order[chosen] = swapped;
    }
    return order;
  }

  private static List<int[]> pack(TokenizedCorpus corpus, int[] order, int rowLength) {
    List<int[]> closed = new ArrayList<>();
    List<OpenRow> open = new ArrayList<>();
    for (int document : order) {
      int length = corpus.length(document);
      @Nullable OpenRow row = fullest(open, length);
      if (row == null) {
        if (open.size() == MOST_OPEN) {
          close(fullest(open, 0), open, closed);
        }
        row = new OpenRow(rowLength);
        open.add(row);
      }
      row.add(document, length);
      if (row.room < SHORTEST) {
        close(row, open, closed);
      }
    }
    open.forEach(row -> closed.add(row.documents()));
    return closed;
  }

  private static void close(OpenRow row, List<OpenRow> open, List<int[]> closed) {
    open.remove(row);
    closed.add(row.documents());
  }

  /// The row with the least room that is enough; of equals the oldest.
  private static @Nullable OpenRow fullest(List<OpenRow> open, int length) {
    @Nullable OpenRow best = null;
    for (OpenRow row : open) {
      if (row.room >= length && (best == null || row.room < best.room)) {
        best = row;
      }
    }
    return best;
  }

  /// How many rows the epoch has, at least 1.
  int size() {
    return rows.length;
  }

  /// The documents of a row, in their order.
  int[] row(int index) {
    return rows[index];
  }

  private static final class OpenRow {
    private int[] documents = new int[8];
    private int count;
    private int room;

    OpenRow(int room) {
      this.room = room;
    }

    void add(int document, int length) {
      if (count == documents.length) {
        documents = Arrays.copyOf(documents, 2 * count);
      }
      documents[count++] = document;
      room -= length;
    }

    int[] documents() {
      return Arrays.copyOf(documents, count);
    }
  }
}
