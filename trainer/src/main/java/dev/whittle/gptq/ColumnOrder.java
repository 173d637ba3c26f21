package dev.whittle.gptq;

import dev.whittle.blocks.BlockFormat;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/// In which order the columns of a matrix are rounded. The earlier a column, the more others there
/// are to make up for its error.
public enum ColumnOrder {
  /// As they lie.
  NATURAL {
    @Override
    int[] order(BlockFormat format, double[] energies) {
      return IntStream.range(0, energies.length).toArray();
    }
  },
  /// The blocks, in each block the sub-blocks, and in each sub-block the columns with the greatest
  /// inputs first. The columns of a block stay together, so that its scales can be fitted when all
  /// before it is done.
  BLOCKS {
    @Override
    int[] order(BlockFormat format, double[] energies) {
      int[] order = IntStream.range(0, energies.length).toArray();
      sort(order, energies, 1);
      sort(order, energies, format.subBlockSize());
      if (format.subBlocks() > 1) {
        sort(order, energies, format.blockSize());
      }
      return order;
    }
  },
  /// The columns with the greatest inputs first (act-order), wherever they lie: all scales are
  /// fitted before any column is rounded (static groups).
  COLUMNS {
    @Override
    int[] order(BlockFormat format, double[] energies) {
      int[] order = IntStream.range(0, energies.length).toArray();
      sort(order, energies, 1);
      return order;
    }
  };

  /// @param energies `Σ x²` of each column
  /// @return which column comes at which place
  abstract int[] order(BlockFormat format, double[] energies);

  /// Sorts groups of neighbouring columns by what their inputs come to together, the greatest
  /// first, without changing the order within a group. Columns are told apart by where they lie.
  private static void sort(int[] order, double[] energies, int group) {
    double[] totals = new double[(energies.length + group - 1) / group];
    for (int i = 0; i < energies.length; i++) {
      totals[i / group] += energies[i];
    }
    int[] sorted =
        Arrays.stream(order)
            .boxed()
            .sorted(
                Comparator.comparingDouble((Integer i) -> -totals[i / group])
                    .thenComparingInt(i -> i / group))
            .mapToInt(Integer::intValue)
            .toArray();
    System.arraycopy(sorted, 0, order, 0, order.length);
  }
}
