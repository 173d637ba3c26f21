package dev.whittle.quantization;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The encoders there are.
public final class BlockEncoders {
  private BlockEncoders() {}

  /// The best encoder for a type: one that fits the scale where ggml's takes the greatest value of
  /// the block, and ggml's own for all other types.
  ///
  /// @throws IllegalArgumentException if the type cannot hold weights
  public static BlockEncoder forType(GgmlType type) {
    return switch (type) {
      case TQ2_0 -> new TernaryEncoder();
      case Q2_0 -> new TwoBitEncoder();
      default -> reference(type);
    };
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
