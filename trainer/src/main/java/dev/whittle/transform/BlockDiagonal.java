package dev.whittle.transform;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Applies a map of its own to each part of a vector.
///
/// @param blocks for the parts in order, all of the same size
record BlockDiagonal(List<LinearMap> blocks) implements LinearMap {
  BlockDiagonal {
    blocks = List.copyOf(blocks);
  }

  /// The same map for every part of a vector.
  static BlockDiagonal repeated(LinearMap block, int times) {
    return new BlockDiagonal(Collections.nCopies(times, block));
  }

  /// Each block so many times, one behind the other: as query heads share a key-value head.
  BlockDiagonal shared(int times) {
    List<LinearMap> all = new ArrayList<>();
    blocks.forEach(block -> all.addAll(Collections.nCopies(times, block)));
    return new BlockDiagonal(all);
  }

  @Override
  public int size() {
    return blocks.size() * blocks.getFirst().size();
  }

  @Override
  public void apply(float[] values, int first) {
    int at = first;
    for (LinearMap block : blocks) {
      block.apply(values, at);
      at += block.size();
    }
  }

  @Override
  public LinearMap inverseTransposed() {
    return new BlockDiagonal(blocks.stream().map(LinearMap::inverseTransposed).toList());
  }
}
