package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;
import java.util.Arrays;

/// A format whose blocks of 256 have a float16 step, and in each sub-block a whole number of a few
/// bits; the scale of a sub-block is the product.
///
/// The fit first finds the best scale of each sub-block, as if any could be encoded. It chooses the
/// step with which those come out best, where a scale counts by how fast the error grows with it.
/// What comes of that is the start of another round: levels for the scales there are, scales for
/// those levels, step. In the end a thorough fit tries each sub-block with multiples next to its
/// own, and then adapts the step.
abstract sealed class SuperblockFormat extends BlockFormat
    permits ScaleSuperblockFormat, MinimumSuperblockFormat {
  private static final int FAST_ROUNDS = 2;
  private static final int THOROUGH_ROUNDS = 5;
  private static final int POLISHES = 3;

  private final int lowestMultiple;
  private final int highestMultiple;

  SuperblockFormat(
      GgmlType type, int subBlocks, Levels levels, int lowestMultiple, int highestMultiple) {
    super(type, subBlocks, levels);
    this.lowestMultiple = lowestMultiple;
    this.highestMultiple = highestMultiple;
  }

  /// Sets the tile's best scales, and offsets, to what would be best if any could be encoded.
  abstract void fitSubBlocks(Tile tile, Effort effort);

  /// Rounds with the tile's scales and offsets.
  abstract void round(Tile tile);

  /// Sums up the errors of that.
  abstract void addErrors(Tile tile);

  /// Sets the tile's best scales and offsets to those for the levels that were summed up.
  abstract void refine(Tile tile);

  /// Sets what is on trial for a block to what is next to the tile's best scales and offsets.
  abstract void chooseSteps(Tile tile, int block, int tries);

  /// Sets the scales of a block to the multiples of its steps next to the tile's best scales and
  /// offsets.
  abstract void useSteps(Tile tile, int block);

  /// Sets the steps on trial for a block to the best for its multiples and for the levels that were
  /// summed up.
  abstract void adaptSteps(Tile tile, int block);

  /// Sets what the encoded numbers of a block come to.
  abstract void decode(Scales scales, int block);

  /// Pairs of how much to change the multiples of the scale and of the minimum.
  abstract int[][] neighbours();

  /// How many multiples to try for the greatest scale.
  abstract int tries(Effort effort);

  @Override
  final void fit(Tile tile, Effort effort) {
    fitSubBlocks(tile, effort);
    System.arraycopy(tile.bestScale, 0, tile.scale, 0, tile.subBlocks);
    System.arraycopy(tile.bestOffset, 0, tile.offset, 0, tile.subBlocks);
    round(tile);
    Arrays.fill(tile.blockError, 0, tile.blocks, Float.POSITIVE_INFINITY);
    for (int i = effort == Effort.FAST ? FAST_ROUNDS : THOROUGH_ROUNDS; i > 0; i--) {
      refine(tile);
      for (int b = 0; b < tile.blocks; b++) {
        chooseSteps(tile, b, tries(effort));
      }
      roundTrial(tile);
      takeBetter(tile);
    }
    if (effort == Effort.THOROUGH) {
      for (int i = 0; i < POLISHES; i++) {
        tryNeighbours(tile);
        for (int b = 0; b < tile.blocks; b++) {
          adaptSteps(tile, b);
          decode(tile.trial, b);
        }
        roundTrial(tile);
        takeBetter(tile);
      }
    }
  }

  /// Starts from the multiples next to the best scales and offsets that there could be, and then
  /// tries their neighbours.
  @Override
  final void refit(Tile tile, Effort effort) {
    fitSubBlocks(tile, effort);
    for (int b = 0; b < tile.blocks; b++) {
      useSteps(tile, b);
    }
    Arrays.fill(tile.blockError, 0, tile.blocks, Float.POSITIVE_INFINITY);
    for (int i = effort == Effort.FAST ? 1 : POLISHES; i > 0; i--) {
      tryNeighbours(tile);
    }
  }

  /// Rounds with what is on trial.
  private void roundTrial(Tile tile) {
    for (int b = 0; b < tile.blocks; b++) {
      float relative = 1 / tile.unit[b];
      for (int s = tile.trial.first(b); s < tile.trial.end(b); s++) {
        tile.scale[s] = tile.trial.scale[s] * relative;
        tile.offset[s] = tile.trial.offset[s] * relative;
      }
    }
    round(tile);
    addErrors(tile);
  }

  /// Takes what is on trial where its error, which has been summed up, is smaller than that of what
  /// was taken before.
  private void takeBetter(Tile tile) {
    for (int b = 0; b < tile.blocks; b++) {
      float error = 0;
      for (int s = tile.trial.first(b); s < tile.trial.end(b); s++) {
        error += tile.moments.rr[s];
      }
      if (error < tile.blockError[b]) {
        tile.blockError[b] = error;
        tile.scales.copy(tile.trial, b, b);
      }
    }
  }

  /// Puts on trial, and rounds with, what was taken, with the multiples of each sub-block replaced
  /// by neighbours that have a smaller error.
  private void tryNeighbours(Tile tile) {
    int[][] neighbours = neighbours();
    int[] chosen = tile.integers;
    Arrays.fill(tile.bestError, 0, tile.subBlocks, Float.POSITIVE_INFINITY);
    // Last of all once more what was chosen.
    for (int n = 0; n <= neighbours.length; n++) {
      for (int b = 0; b < tile.blocks; b++) {
        tile.trial.copy(tile.scales, b, b);
        for (int s = tile.trial.first(b); s < tile.trial.end(b); s++) {
          int[] change = neighbours[n < neighbours.length ? n : chosen[s]];
          tile.trial.scaleCode[s] = moved(tile.scales.scaleCode[s], change[0]);
          tile.trial.minimumCode[s] = moved(tile.scales.minimumCode[s], change[1]);
        }
        decode(tile.trial, b);
      }
      roundTrial(tile);
      for (int s = 0; s < tile.subBlocks && n < neighbours.length; s++) {
        if (tile.moments.rr[s] < tile.bestError[s]) {
          tile.bestError[s] = tile.moments.rr[s];
          chosen[s] = n;
        }
      }
    }
    takeBetter(tile);
  }

  private byte moved(byte multiple, int by) {
    return (byte) Math.clamp(multiple + by, lowestMultiple, highestMultiple);
  }

  /// For [Multiples#step]: enough to find the step of any multiples.
  final int allTries() {
    return Math.max(highestMultiple, -lowestMultiple);
  }

  /// Replaces numbers of a block by multiples of a step.
  ///
  /// @param values one for each sub-block
  /// @param weights how much the square of their error counts
  /// @param multiples what the values are of the step
  /// @return the step, a float16
  final short encodeMultiples(
      float[] values, float[] weights, byte[] multiples, int first, int end, int tries) {
    short step =
        Multiples.step(values, weights, first, end, lowestMultiple, highestMultiple, tries);
    toMultiples(step, values, multiples, first, end);
    return step;
  }

  /// Replaces numbers by multiples of a given step.
  final void toMultiples(short encoded, float[] values, byte[] multiples, int first, int end) {
    float step = Float.float16ToFloat(encoded);
    float inverse = Tile.inverse(step);
    for (int s = first; s < end; s++) {
      int multiple = Multiples.nearest(values[s] * inverse, lowestMultiple, highestMultiple);
      multiples[s] = (byte) multiple;
      values[s] = multiple * step;
    }
  }
}
