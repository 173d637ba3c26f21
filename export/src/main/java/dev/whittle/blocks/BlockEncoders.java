package dev.whittle.blocks;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The encoders there are.
public final class BlockEncoders {
  private BlockEncoders() {}

  /// An encoder that fits the scales of its blocks to the values and their importance, where there
  /// is one for the type, and else ggml's own.
  ///
  /// @throws IllegalArgumentException if the type cannot hold weights
  public static BlockEncoder fitted(GgmlType type, Effort effort) {
    Optional<BlockFormat> format = BlockFormat.of(type);
    return format.isPresent() ? new FittedEncoder(format.get(), effort) : reference(type);
  }

  /// ggml's own encoder for a type, whose bytes are those of `llama-quantize`.
  ///
  /// @throws IllegalArgumentException if the type cannot hold weights
  public static BlockEncoder reference(GgmlType type) {
    return new Reference(BlockCodec.of(type));
  }

  private record Reference(BlockCodec codec) implements BlockEncoder {
    @Override
    public GgmlType type() {
      return codec.type();
    }

    @Override
    public void encode(
        MemorySegment src,
        MemorySegment dst,
        long rows,
        long rowLength,
        float @Nullable [] importance) {
      codec.encode(src, dst, rows, rowLength, importance);
    }
  }
}
