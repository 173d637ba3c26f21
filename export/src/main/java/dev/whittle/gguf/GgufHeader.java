package dev.whittle.gguf;

import java.util.List;

/// Everything in a file but the tensors' data.
///
/// @param dataStart where the data section starts in the file, which tensors' offsets count from
record GgufHeader(GgufMetadata metadata, List<TensorInfo> tensors, int alignment, long dataStart) {

  private static final String ALIGNMENT_KEY = "general.alignment";
  private static final int DEFAULT_ALIGNMENT = 32;
  private static final int MAX_ALIGNMENT = 1 << 20;

  /// The alignment that metadata states for tensors' data, in bytes.
  ///
  /// @throws GgufException if it is not a power of two, or beyond all reason
  static int alignmentOf(GgufMetadata metadata) {
    GgufValue value = metadata.asMap().get(ALIGNMENT_KEY);
    if (value == null) {
      return DEFAULT_ALIGNMENT;
    }
    if (value instanceof GgufValue.U32(long alignment)
        && alignment <= MAX_ALIGNMENT
        && Long.bitCount(alignment) == 1) {
      return (int) alignment;
    }
    throw new GgufException(
        metadata.source()
            + " has "
            + value
            + " as '"
            + ALIGNMENT_KEY
            + "' where a u32 that is a power of two up to "
            + MAX_ALIGNMENT
            + " is expected; write the file again");
  }

  /// The next multiple of `alignment`, a power of two.
  ///
  /// @throws ArithmeticException if there is none in a `long`
  static long align(long position, int alignment) {
    return Math.addExact(position, alignment - 1) & -alignment;
  }
}
