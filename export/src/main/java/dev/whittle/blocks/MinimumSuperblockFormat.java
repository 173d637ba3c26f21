package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;

/// A superblock format with a second step, and in each sub-block a multiple of that, the minimum.
/// It is subtracted, so levels begin at zero or below. Multiples are not negative.
///
/// The fit chooses the scales before the minima. As those can make up for some of the error, a
/// scale counts by how fast the error grows with it when the minimum follows.
abstract sealed class MinimumSuperblockFormat extends SuperblockFormat permits Q2_K, Q4_K, Q5_K {
  private static final int[][] NEIGHBOURS = {
    {0, 0}, {1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {-1, -1}, {1, -1}, {-1, 1}
  };

  private final UniformLevels levels;

  MinimumSuperblockFormat(GgmlType type, int subBlocks, int highestCode, int highestMultiple) {
    UniformLevels levels = new UniformLevels(0, highestCode);
    super(type, subBlocks, levels, 0, highestMultiple);
    this.levels = levels;
  }

  /// Which shares of the values' range to try cutting off, as pairs of bottom and top.
  abstract float[][] candidates(Effort effort);

  @Override
  public final boolean hasOffsets() {
    return true;
  }

  @Override
  final int[][] neighbours() {
    return NEIGHBOURS;
  }

  @Override
  final int tries(Effort effort) {
    return effort == Effort.FAST ? 3 : allTries() / 2;
  }

  @Override
  final void fitSubBlocks(Tile tile, Effort effort) {
    MinimumFit.fit(tile, levels, 0, candidates(effort), effort == Effort.FAST ? 1 : 4);
  }

  @Override
  final void round(Tile tile) {
    tile.roundWithOffset(levels);
  }

  @Override
  final void addErrors(Tile tile) {
    tile.addErrors(levels);
  }

  @Override
  final void refine(Tile tile) {
    MinimumFit.refine(tile, 0);
  }

  @Override
  final void chooseSteps(Tile tile, int block, int tries) {
    Moments m = tile.moments;
    Scales trial = tile.trial;
    float unit = tile.unit[block];
    float[] growth = tile.scratch;
    int first = trial.first(block);
    int end = trial.end(block);
    for (int s = first; s < end; s++) {
      float w = tile.weight[s];
      growth[s] = w > 0 ? Math.max(0, m.qq[s] - m.q[s] * m.q[s] / w) : 0;
      trial.scale[s] = tile.bestScale[s] * unit;
    }
    trial.blockScale[block] =
        encodeMultiples(trial.scale, growth, trial.scaleCode, first, end, tries);
    for (int s = first; s < end; s++) {
      float w = tile.weight[s];
      // The best one for this scale, for the levels that were summed up.
      float offset =
          w > 0 ? (tile.sum[s] - trial.scale[s] / unit * m.q[s]) / w : tile.bestOffset[s];
      trial.offset[s] = Math.min(0, offset) * unit;
    }
    encodeOffsets(trial, tile.weight, block, tries);
  }

  /// Least squares in two unknowns, with the values that are summed up `scale * q - minimum`.
  @Override
  final void adaptSteps(Tile tile, int block) {
    Moments m = tile.moments;
    double xq = 0;
    double qq = 0;
    double x = 0;
    double q = 0;
    double w = 0;
    for (int s = tile.trial.first(block); s < tile.trial.end(block); s++) {
      double scale = tile.trial.scaleCode[s];
      double minimum = -tile.trial.minimumCode[s];
      xq += scale * (m.xq[s] + tile.offset[s] * m.q[s]);
      qq += scale * scale * m.qq[s];
      x += minimum * tile.sum[s];
      q += scale * minimum * m.q[s];
      w += minimum * minimum * tile.weight[s];
    }
    double determinant = qq * w - q * q;
    if (determinant > 1e-9 * qq * w) {
      double unit = tile.unit[block] / determinant;
      tile.trial.blockScale[block] = Float16.nearest((w * xq - q * x) * unit);
      tile.trial.blockMinimum[block] = Float16.nearest((qq * x - q * xq) * unit);
    }
  }

  @Override
  final void useSteps(Tile tile, int block) {
    Scales scales = tile.scales;
    int first = scales.first(block);
    int end = scales.end(block);
    for (int s = first; s < end; s++) {
      scales.scale[s] = tile.bestScale[s] * tile.unit[block];
      scales.offset[s] = -tile.bestOffset[s] * tile.unit[block];
    }
    toMultiples(scales.blockScale[block], scales.scale, scales.scaleCode, first, end);
    toMultiples(scales.blockMinimum[block], scales.offset, scales.minimumCode, first, end);
    decode(scales, block);
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
    encodeOffsets(scales, Multiples.EQUAL, block, allTries());
  }

  private void encodeOffsets(Scales scales, float[] weights, int block, int tries) {
    int first = scales.first(block);
    int end = scales.end(block);
    negate(scales.offset, first, end);
    scales.blockMinimum[block] =
        encodeMultiples(scales.offset, weights, scales.minimumCode, first, end, tries);
    negate(scales.offset, first, end);
  }

  private static void negate(float[] values, int first, int end) {
    for (int i = first; i < end; i++) {
      values[i] = -values[i];
    }
  }

  @Override
  final void decode(Scales scales, int block) {
    float step = Float.float16ToFloat(scales.blockScale[block]);
    float minimumStep = Float.float16ToFloat(scales.blockMinimum[block]);
    for (int s = scales.first(block); s < scales.end(block); s++) {
      scales.scale[s] = step * scales.scaleCode[s];
      scales.offset[s] = -(minimumStep * scales.minimumCode[s]);
    }
  }
}
