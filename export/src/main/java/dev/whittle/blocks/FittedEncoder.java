package dev.whittle.blocks;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Encodes rows tile by tile.
record FittedEncoder(BlockFormat format, Effort effort) implements BlockEncoder {
  @Override
  public GgmlType type() {
    return format.type();
  }

  @Override
  public void encode(
      MemorySegment src,
      MemorySegment dst,
      long rows,
      long rowLength,
      float @Nullable [] importance) {
    Matrix matrix = Matrix.of(format, src, dst, rows, rowLength);
    float @Nullable [] weights = null;
    if (importance != null) {
      BlockCodec.requireImportance(importance, rowLength);
      weights = Tile.relativeWeights(importance, format.blockSize());
    }
    Tile tile = Tile.ofThread();
    byte[] block = new byte[type().blockBytes()];
    for (long first = 0; first < matrix.blocks(); first += tile.blocks) {
      matrix.load(tile, first, weights);
      format.fit(tile, effort);
      tile.encode(format);
      matrix.store(tile, first, block);
    }
    if (effort == Effort.THOROUGH) {
      BetterBlocks.keep(format, src, dst, rows, rowLength, importance);
    }
  }
}
