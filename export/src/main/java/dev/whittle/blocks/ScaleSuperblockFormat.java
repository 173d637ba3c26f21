package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// A superblock format without minima, whose scales can be negative.
abstract sealed class ScaleSuperblockFormat extends SuperblockFormat permits Q3_K, Q6_K {
  private static final int[][] NEIGHBOURS = {{0, 0}, {1, 0}, {-1, 0}, {2, 0}, {-2, 0}};

  ScaleSuperblockFormat(
      GgmlType type, int subBlocks, Levels levels, int lowestMultiple, int highestMultiple) {
    super(type, subBlocks, levels, lowestMultiple, highestMultiple);
  }

  /// The levels on which to try the value of greatest magnitude of a sub-block.
  abstract float[] candidates(Effort effort);

  @Override
  public final boolean hasOffsets() {
    return false;
  }

  @Override
  final int[][] neighbours() {
    return NEIGHBOURS;
  }

  @Override
  final void fitSubBlocks(Tile tile, Effort effort) {
    ScaleFit.fit(tile, levels(), candidates(effort), effort == Effort.FAST ? 0 : 4);
  }

  @Override
  final void round(Tile tile) {
    tile.round(levels());
  }

  @Override
  final void addErrors(Tile tile) {
    // Rounding has done so.
  }

  @Override
  final void refine(Tile tile) {
    ScaleFit.refine(tile);
  }

  @Override
  final void chooseSteps(Tile tile, int block, int tries) {
    Scales trial = tile.trial;
    int first = trial.first(block);
    int end = trial.end(block);
    for (int s = first; s < end; s++) {
      trial.scale[s] = tile.bestScale[s] * tile.unit[block];
    }
    trial.blockScale[block] =
        encodeMultiples(trial.scale, tile.moments.qq, trial.scaleCode, first, end, tries);
  }

  @Override
  final void useSteps(Tile tile, int block) {
    Scales scales = tile.scales;
    for (int s = scales.first(block); s < scales.end(block); s++) {
      scales.scale[s] = tile.bestScale[s] * tile.unit[block];
    }
    toMultiples(
        scales.blockScale[block],
        scales.scale,
        scales.scaleCode,
        scales.first(block),
        scales.end(block));
  }

  @Override
  final void adaptSteps(Tile tile, int block) {
    Moments m = tile.moments;
    double xq = 0;
    double qq = 0;
    for (int s = tile.trial.first(block); s < tile.trial.end(block); s++) {
      double multiple = tile.trial.scaleCode[s];
      // Σwxq, as x is the residual and what it was taken from.
      xq += multiple * (m.rq[s] + tile.scale[s] * m.qq[s]);
      qq += multiple * multiple * m.qq[s];
    }
    if (qq > 0) {
      tile.trial.blockScale[block] = Float16.nearest(xq / qq * tile.unit[block]);
    }
  }

  @Override
  final void represent(Scales scales, int block) {
    scales.blockScale[block] =
        encodeMultiples(
            scales.scale,
            Multiples.EQUAL,
            scales.scaleCode,
            scales.first(block),
            scales.end(block),
            allTries());
  }

  @Override
  final void decode(Scales scales, int block) {
    float step = Float.float16ToFloat(scales.blockScale[block]);
    for (int s = scales.first(block); s < scales.end(block); s++) {
      scales.scale[s] = step * scales.scaleCode[s];
    }
  }
}
