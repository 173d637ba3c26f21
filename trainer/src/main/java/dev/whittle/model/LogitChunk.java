package dev.whittle.model;

/// How many tokens a head computes the logits of at a time: those of all tokens of a micro-batch
/// would take more memory than all else.
public final class LogitChunk {
  /// The logits of a chunk on a CPU have about so many elements: 64 MiB.
  public static final int HOST_ELEMENTS = 1 << 24;

  /// A chunk is a multiple of so many tokens: kernels for products are several times slower where
  /// rows do not begin at whole vectors.
  private static final int STEP = 64;

  private LogitChunk() {}

  /// The tokens of a chunk.
  ///
  /// @param elements about so many logits
  /// @param vocabulary logits of a token
  /// @param tokens of a micro-batch
  public static int tokens(int elements, int vocabulary, int tokens) {
    return Math.min(tokens, (elements / vocabulary / STEP + 1) * STEP);
  }
}
