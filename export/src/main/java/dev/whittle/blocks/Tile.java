package dev.whittle.blocks;

import dev.whittle.ggml.BlockCodec;
import java.util.Arrays;

/// Some blocks that are encoded together, laid out so that loops over them vectorize.
///
/// Blocks are cut into *segments* of 16 elements; every format's sub-blocks are one or more whole
/// segments. Element `e` of segment `i` is at `x[e][i]`, so a loop over `i` does the same to one
/// element of every segment.
///
/// Values are held relative to a power of two near the greatest of their block, its *unit*, so that
/// sums of squares neither overflow nor vanish. Weights are relative to the greatest of the block.
final class Tile {
  static final int SEGMENT = 16;

  /// The most segments. Loops that are much shorter hardly vectorize; more would not fit the cache.
  static final int SEGMENTS = 1024;

  static final int ELEMENTS = SEGMENTS * SEGMENT;

  /// One over a scale is held below this, so that no value turns into infinity, and zero not into
  /// NaN. Beside the unit, all levels of scales that are so small are zero.
  private static final float GREATEST_INVERSE = 1e30f;

  private static final ThreadLocal<Tile> OF_THREAD = ThreadLocal.withInitial(Tile::new);

  final float[][] x = new float[SEGMENT][SEGMENTS];
  final float[][] w = new float[SEGMENT][SEGMENTS];

  /// By sub-block: the least and the greatest value, and the one of greatest magnitude.
  final float[] least = new float[SEGMENTS];

  final float[] greatest = new float[SEGMENTS];
  final float[] extreme = new float[SEGMENTS];

  /// What is tried, by sub-block.
  final float[] scale = new float[SEGMENTS];

  private final float[] inverse = new float[SEGMENTS];
  final float[] offset = new float[SEGMENTS];

  /// Of what was tried, by sub-block.
  final Moments moments = new Moments(SEGMENTS);

  /// By sub-block: Σw, Σwx and Σwx².
  final float[] weight = new float[SEGMENTS];

  final float[] sum = new float[SEGMENTS];
  final float[] squares = new float[SEGMENTS];

  final int[] integers = new int[SEGMENTS];

  /// By block.
  final float[] unit = new float[SEGMENTS];

  /// By block: the error of what has been chosen.
  final float[] blockError = new float[SEGMENTS];

  /// What has been chosen, not relative to the unit.
  final Scales scales = new Scales(SEGMENTS, 1);

  /// What might be chosen.
  final Scales trial = new Scales(SEGMENTS, 1);

  /// The elements, in their own order.
  final float[] values = new float[ELEMENTS];

  /// Their weights.
  final float[] weights = new float[ELEMENTS];

  /// Their codes.
  final byte[] codes = new byte[ELEMENTS];

  private final int[] segmentCodes = new int[SEGMENTS];
  private final float[] segmentScale = new float[SEGMENTS];
  private final float[] segmentInverse = new float[SEGMENTS];
  private final float[] segmentOffset = new float[SEGMENTS];

  /// By sub-block: the best scale and offset so far, and their error.
  final float[] bestScale = new float[SEGMENTS];

  final float[] bestOffset = new float[SEGMENTS];
  final float[] bestError = new float[SEGMENTS];

  /// By sub-block: the scale and the offset for some levels, and their error.
  final float[] solvedScale = new float[SEGMENTS];

  final float[] solvedOffset = new float[SEGMENTS];
  final float[] solvedError = new float[SEGMENTS];

  /// By sub-block: room for a format's own numbers.
  final float[] scratch = new float[SEGMENTS];

  int blocks;
  int subBlocks;
  int segmentsPerSubBlock;
  int segments;

  /// A tile for the calling thread alone, which every call returns.
  static Tile ofThread() {
    return OF_THREAD.get();
  }

  /// How many blocks of a format fit in.
  static int capacity(BlockFormat format) {
    return ELEMENTS / format.blockSize();
  }

  /// Weights beside the greatest of their block, which is what a fit depends on; all alike where a
  /// block has none above zero.
  ///
  /// @throws IllegalArgumentException if one is negative or not finite
  static float[] relativeWeights(float[] weights, int blockSize) {
    BlockCodec.requireImportance(weights, weights.length);
    float[] relative = new float[weights.length];
    for (int first = 0; first < weights.length; first += blockSize) {
      float greatest = 0;
      for (int i = first; i < first + blockSize; i++) {
        greatest = Math.max(greatest, weights[i]);
      }
      for (int i = first; i < first + blockSize; i++) {
        relative[i] = greatest == 0 ? 1 : weights[i] / greatest;
      }
    }
    return relative;
  }

  /// Takes the first blocks of [#values].
  ///
  /// @param weighted whether [#weights] counts; else all weights are 1
  /// @return which value is not finite or too large for any format, or -1
  int load(BlockFormat format, int blocks, boolean weighted) {
    return load(format, blocks, format.subBlocks(), weighted);
  }

  /// Takes the first sub-blocks of [#values], each from another block.
  int loadSubBlocks(BlockFormat format, int count, boolean weighted) {
    return load(format, count, 1, weighted);
  }

  private int load(BlockFormat format, int blocks, int subBlocksPerBlock, boolean weighted) {
    this.blocks = blocks;
    subBlocks = blocks * subBlocksPerBlock;
    segmentsPerSubBlock = format.subBlockSize() / SEGMENT;
    segments = subBlocks * segmentsPerSubBlock;
    scales.arrange(subBlocksPerBlock);
    trial.arrange(subBlocksPerBlock);
    // Formats without offsets never set them.
    Arrays.fill(scales.offset, 0, subBlocks, 0);
    Arrays.fill(trial.offset, 0, subBlocks, 0);
    for (int e = 0; e < SEGMENT; e++) {
      gather(values, e, x[e], segments);
    }
    range();
    int segmentsPerBlock = subBlocksPerBlock * segmentsPerSubBlock;
    for (int b = 0; b < blocks; b++) {
      float magnitude = 0;
      for (int i = b * segmentsPerBlock; i < (b + 1) * segmentsPerBlock; i++) {
        magnitude = Math.max(magnitude, Math.max(greatest[i], -least[i]));
      }
      if (!(magnitude <= BlockCodec.GREATEST_VALUE)) {
        return firstUnusable(b * segmentsPerBlock * SEGMENT);
      }
      int exponent = Math.max(Math.getExponent(magnitude), Float.MIN_EXPONENT);
      unit[b] = Math.scalb(1f, exponent);
      Arrays.fill(
          segmentScale,
          b * segmentsPerBlock,
          (b + 1) * segmentsPerBlock,
          Math.scalb(1f, -exponent));
    }
    multiply(least, segmentScale, segments);
    multiply(greatest, segmentScale, segments);
    for (int e = 0; e < SEGMENT; e++) {
      multiply(x[e], segmentScale, segments);
      if (weighted) {
        gather(weights, e, w[e], segments);
      } else {
        Arrays.fill(w[e], 0, segments, 1);
      }
    }
    if (weighted) {
      Arrays.fill(weight, 0, segments, 0);
      for (int e = 0; e < SEGMENT; e++) {
        add(weight, w[e], segments);
      }
      Moments.join(segmentsPerSubBlock, subBlocks, weight);
    } else {
      Arrays.fill(weight, 0, subBlocks, format.subBlockSize());
    }
    joinRange();
    if (format.hasOffsets()) {
      Moments.clear(segments, sum, squares);
      for (int e = 0; e < SEGMENT; e++) {
        addPowers(x[e], w[e], sum, squares, segments);
      }
      Moments.join(segmentsPerSubBlock, subBlocks, sum, squares);
    }
    return -1;
  }

  private int firstUnusable(int from) {
    int i = from;
    while (Math.abs(values[i]) <= BlockCodec.GREATEST_VALUE) {
      i++;
    }
    return i;
  }

  private static void gather(float[] from, int element, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = from[i * SEGMENT + element];
    }
  }

  private static void multiply(float[] values, float[] factors, int count) {
    for (int i = 0; i < count; i++) {
      values[i] *= factors[i];
    }
  }

  private static void add(float[] sums, float[] values, int count) {
    for (int i = 0; i < count; i++) {
      sums[i] += values[i];
    }
  }

  private static void addPowers(float[] x, float[] w, float[] sum, float[] squares, int count) {
    for (int i = 0; i < count; i++) {
      float wx = w[i] * x[i];
      sum[i] += wx;
      squares[i] += wx * x[i];
    }
  }

  private void range() {
    System.arraycopy(x[0], 0, least, 0, segments);
    System.arraycopy(x[0], 0, greatest, 0, segments);
    for (int e = 1; e < SEGMENT; e++) {
      range(x[e], least, greatest, segments);
    }
  }

  private static void range(float[] values, float[] least, float[] greatest, int count) {
    for (int i = 0; i < count; i++) {
      least[i] = Math.min(least[i], values[i]);
      greatest[i] = Math.max(greatest[i], values[i]);
    }
  }

  /// The least and the greatest value of each sub-block, in place of those of the segments.
  private void joinRange() {
    for (int s = 0; s < subBlocks; s++) {
      int first = s * segmentsPerSubBlock;
      float low = least[first];
      float high = greatest[first];
      for (int i = first + 1; i < first + segmentsPerSubBlock; i++) {
        low = Math.min(low, least[i]);
        high = Math.max(high, greatest[i]);
      }
      least[s] = low;
      greatest[s] = high;
      extreme[s] = -low > high ? low : high;
    }
  }

  /// One over a scale, but never so much that values overflow, for a scale of zero either.
  static float inverse(float scale) {
    return Math.min(GREATEST_INVERSE, Math.max(-GREATEST_INVERSE, 1 / scale));
  }

  /// Rounds all values with what is in [#scale], and sums up the errors.
  void round(Levels levels) {
    spreadScale();
    Moments m = moments;
    Moments.clear(segments, m.rr, m.rq, m.qq);
    for (int e = 0; e < SEGMENT; e++) {
      levels.add(x[e], w[e], segmentScale, segmentInverse, m, segments);
    }
    Moments.join(segmentsPerSubBlock, subBlocks, m.rr, m.rq, m.qq);
  }

  /// Rounds all values with what is in [#scale] and [#offset], for formats with offsets.
  void roundWithOffset(UniformLevels levels) {
    spreadScale();
    spread(offset, segmentOffset);
    Moments m = moments;
    Moments.clear(segments, m.xq, m.q, m.qq);
    for (int e = 0; e < SEGMENT; e++) {
      levels.addWithOffset(x[e], w[e], segmentInverse, segmentOffset, m, segments);
    }
    Moments.join(segmentsPerSubBlock, subBlocks, m.xq, m.q, m.qq);
  }

  /// Sums up the errors of what [#roundWithOffset] has rounded.
  void addErrors(UniformLevels levels) {
    Moments m = moments;
    Moments.clear(segments, m.rr);
    for (int e = 0; e < SEGMENT; e++) {
      levels.addErrors(x[e], w[e], segmentScale, segmentInverse, segmentOffset, m, segments);
    }
    Moments.join(segmentsPerSubBlock, subBlocks, m.rr);
  }

  private void spreadScale() {
    invert(scale, inverse, subBlocks);
    spread(scale, segmentScale);
    spread(inverse, segmentInverse);
  }

  private static void invert(float[] scale, float[] inverse, int count) {
    for (int i = 0; i < count; i++) {
      inverse[i] = inverse(scale[i]);
    }
  }

  private void spread(float[] bySubBlock, float[] bySegment) {
    int each = segmentsPerSubBlock;
    if (each == 1) {
      System.arraycopy(bySubBlock, 0, bySegment, 0, segments);
      return;
    }
    for (int s = 0; s < subBlocks; s++) {
      float value = bySubBlock[s];
      for (int i = s * each; i < (s + 1) * each; i++) {
        bySegment[i] = value;
      }
    }
  }

  /// Finds the codes of all values for the chosen scales.
  void encode(BlockFormat format) {
    for (int b = 0; b < blocks; b++) {
      float relative = 1 / unit[b];
      for (int s = scales.first(b); s < scales.end(b); s++) {
        scale[s] = scales.scale[s] * relative;
        offset[s] = scales.offset[s] * relative;
      }
    }
    spreadScale();
    spread(offset, segmentOffset);
    for (int e = 0; e < SEGMENT; e++) {
      format.levels().encode(x[e], segmentOffset, segmentInverse, segmentCodes, segments);
      scatter(segmentCodes, e, codes, segments);
    }
  }

  private static void scatter(int[] from, int element, byte[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i * SEGMENT + element] = (byte) from[i];
    }
  }
}
