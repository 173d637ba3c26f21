package dev.whittle.huggingface;

/// The order in which a matrix's rows are written.
@FunctionalInterface
interface RowOrder {

  /// The rows as they are.
  RowOrder AS_IS = row -> row;

  /// The row of the source that becomes `row`.
  long sourceOf(long row);

  /// From the rotation of Hugging Face's Llama to that of GGUF's.
  ///
  /// RoPE turns pairs of a head's rows. Hugging Face pairs row i of the first half with row i of
  /// the second; `llama` in GGUF pairs neighbours. So within each head the two halves, [2, d/2],
  /// become [d/2, 2].
  static RowOrder neighbouringPairs(long headDim) {
    return row -> {
      long inHead = row % headDim;
      long half = inHead % 2;
      long pair = inHead / 2;
      return row - inHead + half * (headDim / 2) + pair;
    };
  }
}
