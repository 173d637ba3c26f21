package dev.whittle.blocks;

import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Rounds float32 rows to the blocks of one type.
///
/// An encoder has no state: any number of threads may use it at once, on row ranges of their own.
/// Each block depends on its own values and importance only, so the bytes do not depend on how the
/// rows are split.
public interface BlockEncoder {
  /// The type whose blocks this encoder writes.
  GgmlType type();

  /// Encodes rows.
  ///
  /// @param src float32 values, [rows, rowLength], in native memory
  /// @param dst room for `rows * type().rowBytes(rowLength)` bytes, in native memory
  /// @param importance [rowLength], how much the squared error of each column counts; null for
  ///   equal weights
  /// @throws IllegalArgumentException if a size does not fit, if the type needs an importance that
  ///   is not given, or if a value or an importance is not finite
  void encode(
      MemorySegment src,
      MemorySegment dst,
      long rows,
      long rowLength,
      float @Nullable [] importance);
}
