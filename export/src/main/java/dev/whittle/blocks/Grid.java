package dev.whittle.blocks;

import org.jspecify.annotations.Nullable;

/// What the codes of one block can decode to: its scales, as they are really encoded.
///
/// To quantize element by element, as GPTQ does: [fit][#fit] the scales, take the [code][#code] of
/// each value and go on with what it [decodes][#value] to, and [write][#write] the block in the
/// end.
///
/// Not safe for use by several threads at once.
public final class Grid {
  private final BlockFormat format;
  private final Scales scales;

  Grid(BlockFormat format) {
    this.format = format;
    scales = new Scales(1, format.subBlocks());
  }

  public BlockFormat format() {
    return format;
  }

  /// What levels are multiplied with.
  public float scale(int subBlock) {
    return scales.scale[subBlock];
  }

  /// What is added to that.
  public float offset(int subBlock) {
    return scales.offset[subBlock];
  }

  /// Takes the scales of an encoded block.
  public void read(byte[] block, int at) {
    format.readScales(block, at, scales, 0);
  }

  /// Chooses scales for the least weighted squared error.
  ///
  /// @param values [blockSize]
  /// @param weights [blockSize], or null for equal weights
  /// @throws IllegalArgumentException as [BlockFormat#fit] does
  public void fit(float[] values, float @Nullable [] weights, Effort effort) {
    format.fit(new Grid[] {this}, values, weights, effort);
  }

  /// Takes the encodable scales nearest to given ones. Scales that were read from a block come back
  /// unchanged.
  ///
  /// @param wanted [subBlocks]
  /// @param offsets [subBlocks]; null for zeros
  /// @throws IllegalArgumentException if one is not finite, or if there is an offset that is not
  ///   zero in a format without
  public void set(float[] wanted, float @Nullable [] offsets) {
    int count = format.subBlocks();
    if (wanted.length != count || offsets != null && offsets.length != count) {
      throw new IllegalArgumentException(
          format.type()
              + " has "
              + count
              + " sub-blocks, and there are "
              + wanted.length
              + " scales");
    }
    for (int s = 0; s < count; s++) {
      float offset = offsets == null ? 0 : offsets[s];
      if (!Float.isFinite(wanted[s]) || !Float.isFinite(offset)) {
        throw new IllegalArgumentException(
            "sub-block " + s + " has scale " + wanted[s] + " and offset " + offset);
      }
      if (offset != 0 && !format.hasOffsets()) {
        throw new IllegalArgumentException(format.type() + " has no offsets");
      }
      scales.scale[s] = wanted[s];
      scales.offset[s] = offset;
    }
    format.represent(scales, 0);
  }

  /// The code of the level nearest to a value.
  ///
  /// @param element where in the block the value is
  public int code(int element, float value) {
    int subBlock = element / format.subBlockSize();
    float scale = scales.scale[subBlock];
    double level = scale == 0 ? 0 : ((double) value - scales.offset[subBlock]) / scale;
    return format.levels().nearest(level);
  }

  /// What a code decodes to.
  public float value(int element, int code) {
    int subBlock = element / format.subBlockSize();
    return format.level(code) * scales.scale[subBlock] + scales.offset[subBlock];
  }

  /// Writes the block.
  ///
  /// @param codes [blockSize], in the order of the elements, as unsigned bytes
  /// @param at where the block begins
  public void write(byte[] codes, byte[] block, int at) {
    format.write(scales, 0, codes, 0, block, at);
  }

  Scales scales() {
    return scales;
  }
}
