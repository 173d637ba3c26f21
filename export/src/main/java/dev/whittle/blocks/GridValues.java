package dev.whittle.blocks;

import org.jspecify.annotations.Nullable;

/// What scales are fitted to, block after block.
///
/// @param count how many blocks, or sub-blocks of one each
/// @param size of each
/// @param values [count, size]
/// @param weights [size], or null for equal weights
record GridValues(int count, int size, float[] values, float @Nullable [] weights) {
  GridValues {
    if (values.length != count * size || weights != null && weights.length != size) {
      throw new IllegalArgumentException(
          "%d times %d elements do not have %d values%s"
              .formatted(
                  count,
                  size,
                  values.length,
                  weights == null ? "" : " and " + weights.length + " weights"));
    }
    weights = weights == null ? null : Tile.relativeWeights(weights, size);
  }

  /// Copies some into a tile.
  ///
  /// @param capacity how many fit
  /// @return how many were copied
  int fill(Tile tile, int first, int capacity) {
    int copied = Math.min(count - first, capacity);
    System.arraycopy(values, first * size, tile.values, 0, copied * size);
    for (int i = 0; i < copied && weights != null; i++) {
      System.arraycopy(weights, 0, tile.weights, i * size, size);
    }
    return copied;
  }

  /// @param unusable which value of the tile cannot be encoded, or -1
  /// @throws IllegalArgumentException if there is one
  void check(Tile tile, int unusable, int first) {
    if (unusable >= 0) {
      throw new IllegalArgumentException(
          "value %d of block %d is %s"
              .formatted(unusable % size, first + unusable / size, tile.values[unusable]));
    }
  }
}
