package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A block format: how codes and scales lie in the bytes of a block, and what they decode to.
///
/// A block is split into sub-blocks, and each of those has a scale and, in some formats, an offset.
/// Element `i` with code `c` decodes to `level(c) * scale(i / subBlockSize) + offset(i /
/// subBlockSize)` in float32, exactly as in ggml: level times scale has too few bits to be rounded.
/// Which scales a block can have at all is what the formats differ in; [Grid] holds those of one
/// block.
///
/// Formats have no state; any number of threads may use them.
public abstract sealed class BlockFormat
    permits ScaleFormat, MinimumFormat, MicroscalingFormat, SuperblockFormat {
  private final GgmlType type;
  private final int subBlocks;
  private final Levels levels;

  BlockFormat(GgmlType type, int subBlocks, Levels levels) {
    this.type = type;
    this.subBlocks = subBlocks;
    this.levels = levels;
  }

  /// The format of a type, if its blocks are made here.
  public static Optional<BlockFormat> of(GgmlType type) {
    return Optional.ofNullable(
        switch (type) {
          case Q1_0 -> Q1_0.FORMAT;
          case Q2_0 -> Q2_0.FORMAT;
          case Q4_0 -> Q4_0.FORMAT;
          case Q4_1 -> Q4_1.FORMAT;
          case Q5_0 -> Q5_0.FORMAT;
          case Q5_1 -> Q5_1.FORMAT;
          case Q8_0 -> Q8_0.FORMAT;
          case TQ1_0 -> TQ1_0.FORMAT;
          case TQ2_0 -> TQ2_0.FORMAT;
          case IQ4_NL -> IQ4_NL.FORMAT;
          case MXFP4 -> MXFP4.FORMAT;
          case NVFP4 -> NVFP4.FORMAT;
          case Q2_K -> Q2_K.FORMAT;
          case Q3_K -> Q3_K.FORMAT;
          case Q4_K -> Q4_K.FORMAT;
          case Q5_K -> Q5_K.FORMAT;
          case Q6_K -> Q6_K.FORMAT;
          default -> null;
        });
  }

  public final GgmlType type() {
    return type;
  }

  /// Elements in a block.
  public final int blockSize() {
    return type.blockSize();
  }

  /// Sub-blocks in a block.
  public final int subBlocks() {
    return subBlocks;
  }

  /// Elements in a sub-block.
  public final int subBlockSize() {
    return type.blockSize() / subBlocks;
  }

  /// The number of codes; a code is at least 0 and below that.
  public final int codes() {
    return levels.count();
  }

  /// What a code stands for, before it is scaled.
  public final float level(int code) {
    return levels.level(code);
  }

  /// Whether sub-blocks have offsets that are not always zero.
  public abstract boolean hasOffsets();

  /// Scales for one block, all zero to begin with.
  public final Grid newGrid() {
    return new Grid(this);
  }

  /// Chooses the scales of blocks for the least weighted squared error.
  ///
  /// @param grids one for each block, of this format; they are set
  /// @param values [grids, blockSize]
  /// @param weights [blockSize], the same for every block; null for equal weights
  /// @throws IllegalArgumentException if a size does not fit, a value is not finite or too large,
  ///   or a weight is negative or not finite
  public final void fit(Grid[] grids, float[] values, float @Nullable [] weights, Effort effort) {
    Tile tile = Tile.ofThread();
    GridValues source = new GridValues(grids.length, blockSize(), values, weights);
    for (int done = 0; done < grids.length; done += tile.blocks) {
      int blocks = source.fill(tile, done, Tile.capacity(this));
      source.check(tile, tile.load(this, blocks, weights != null), done);
      fit(tile, effort);
      for (int b = 0; b < blocks; b++) {
        grids[done + b].scales().copy(tile.scales, b, 0);
      }
    }
  }

  /// Chooses the scale, and the offset, of one sub-block of each of some blocks anew, for instance
  /// because its values have changed while those before it were quantized. What the sub-blocks of a
  /// block share stays.
  ///
  /// @param grids one for each block, of this format; they are changed
  /// @param values [grids, subBlockSize]
  /// @param weights [subBlockSize], the same for every block; null for equal weights
  /// @throws IllegalArgumentException as [#fit] does
  public final void refit(
      Grid[] grids, int subBlock, float[] values, float @Nullable [] weights, Effort effort) {
    Tile tile = Tile.ofThread();
    GridValues source = new GridValues(grids.length, subBlockSize(), values, weights);
    for (int done = 0; done < grids.length; done += tile.blocks) {
      int blocks = source.fill(tile, done, Tile.ELEMENTS / subBlockSize());
      source.check(tile, tile.loadSubBlocks(this, blocks, weights != null), done);
      for (int b = 0; b < blocks; b++) {
        tile.scales.blockScale[b] = grids[done + b].scales().blockScale[0];
        tile.scales.blockMinimum[b] = grids[done + b].scales().blockMinimum[0];
      }
      refit(tile, effort);
      for (int b = 0; b < blocks; b++) {
        Scales scales = grids[done + b].scales();
        // The same as before, where sub-blocks share them.
        scales.blockScale[0] = tile.scales.blockScale[b];
        scales.blockMinimum[0] = tile.scales.blockMinimum[b];
        scales.copySubBlocks(tile.scales, b, subBlock, 1);
      }
    }
  }

  /// Rounds rows to the nearest levels of blocks that are there already: their codes change, and
  /// their scales stay.
  ///
  /// @param src float32 values, [rows, rowLength], in native memory
  /// @param blocks the rows' blocks
  /// @throws IllegalArgumentException if a size does not fit, or if a value is not finite
  public final void round(MemorySegment src, MemorySegment blocks, long rows, long rowLength) {
    Matrix matrix = Matrix.of(this, src, blocks, rows, rowLength);
    Tile tile = Tile.ofThread();
    byte[] block = new byte[type.blockBytes()];
    for (long first = 0; first < matrix.blocks(); first += tile.blocks) {
      matrix.load(tile, first, null);
      for (int b = 0; b < tile.blocks; b++) {
        matrix.read(first + b, block);
        readScales(block, 0, tile.scales, b);
      }
      tile.encode(this);
      matrix.store(tile, first, block);
    }
  }

  /// Moves values no further than it takes for [#round] to give the levels that blocks have.
  ///
  /// @param values float32, [rows, rowLength], in native memory; they are changed
  /// @param blocks the rows' blocks
  /// @throws IllegalArgumentException if a size does not fit
  public final void confine(MemorySegment values, MemorySegment blocks, long rows, long rowLength) {
    Matrix matrix = Matrix.of(this, values, blocks, rows, rowLength);
    Cells cells = new Cells(levels);
    Scales one = new Scales(1, subBlocks);
    byte[] block = new byte[type.blockBytes()];
    byte[] codes = new byte[blockSize()];
    for (long b = 0; b < matrix.blocks(); b++) {
      matrix.read(b, block);
      readScales(block, 0, one, 0);
      readCodes(block, 0, codes);
      for (int i = 0; i < codes.length; i++) {
        float scale = one.scale[i / subBlockSize()];
        float offset = one.offset[i / subBlockSize()];
        long at = (b * codes.length + i) * Float.BYTES;
        double level = ((double) values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at) - offset) / scale;
        double nearest = cells.nearest(codes[i] & 0xff, level);
        if (scale != 0 && nearest != level) {
          values.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, (float) (nearest * scale + offset));
        }
      }
    }
  }

  /// Encodes rows with the encodable scales nearest to given ones.
  ///
  /// @param src float32 values, [rows, rowLength], in native memory
  /// @param scales float32, [rows, rowLength / subBlockSize]
  /// @param offsets of the same shape; null for zeros
  /// @param dst room for the rows' blocks
  /// @throws IllegalArgumentException if a size does not fit, a number is not finite, or there are
  ///   offsets in a format without
  public final void encode(
      MemorySegment src,
      MemorySegment scales,
      @Nullable MemorySegment offsets,
      MemorySegment dst,
      long rows,
      long rowLength) {
    Matrix matrix = Matrix.of(this, src, dst, rows, rowLength);
    if (offsets != null && !hasOffsets()) {
      throw new IllegalArgumentException(type + " has no offsets");
    }
    matrix.requireScales(scales, offsets);
    Tile tile = Tile.ofThread();
    byte[] block = new byte[type.blockBytes()];
    for (long first = 0; first < matrix.blocks(); first += tile.blocks) {
      matrix.load(tile, first, null);
      matrix.loadScales(tile, first, scales, offsets);
      for (int b = 0; b < tile.blocks; b++) {
        represent(tile.scales, b);
      }
      tile.encode(this);
      matrix.store(tile, first, block);
    }
  }

  /// Reads the scales of blocks.
  ///
  /// @param blocks the blocks of [rows, rowLength] values
  /// @param scales room for float32, [rows, rowLength / subBlockSize]
  /// @param offsets of the same shape, or null
  /// @throws IllegalArgumentException if a size does not fit
  public final void readScales(
      MemorySegment blocks,
      MemorySegment scales,
      @Nullable MemorySegment offsets,
      long rows,
      long rowLength) {
    Matrix matrix = Matrix.of(this, null, blocks, rows, rowLength);
    matrix.requireScales(scales, offsets);
    Scales one = new Scales(1, subBlocks);
    byte[] block = new byte[type.blockBytes()];
    for (long b = 0; b < matrix.blocks(); b++) {
      matrix.read(b, block);
      readScales(block, 0, one, 0);
      for (int s = 0; s < subBlocks; s++) {
        long at = (b * subBlocks + s) * Float.BYTES;
        scales.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, one.scale[s]);
        if (offsets != null) {
          offsets.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, one.offset[s]);
        }
      }
    }
  }

  /// Takes the codes out of a block.
  ///
  /// @param codes [blockSize], in the order of the elements, as unsigned bytes
  public final void readCodes(byte[] block, int at, byte[] codes) {
    Arrays.fill(codes, 0, blockSize(), (byte) 0);
    unpack(block, at, codes);
  }

  final Levels levels() {
    return levels;
  }

  /// Chooses [Tile#scales].
  abstract void fit(Tile tile, Effort effort);

  /// Chooses them for single sub-blocks, with what the sub-blocks of a block share as it is.
  abstract void refit(Tile tile, Effort effort);

  /// Sets the scales of one block to those nearest to what its `scale` and `offset` hold.
  abstract void represent(Scales scales, int block);

  abstract void readScales(byte[] block, int at, Scales scales, int index);

  /// @param codes zeros
  abstract void unpack(byte[] block, int at, byte[] codes);

  /// Lays out a block.
  ///
  /// @param index which of the scales
  /// @param first where the block's codes begin
  abstract void write(Scales scales, int index, byte[] codes, int first, byte[] block, int at);
}
