package dev.whittle.onednn;

import dev.whittle.ggml.GgmlType;

/// What a compiled matrix product depends on: C [rows × columns] = scale · A [rows × inner] · B
/// [inner × columns], with C in F32, its columns contiguous.
///
/// @param type of A and B
/// @param a the steps in A, in elements
/// @param b the steps in B
/// @param cRow the step from one row of C to the next
/// @param accumulate whether the product is added to C
record ProductShape(
    GgmlType type,
    long rows,
    long columns,
    long inner,
    Steps a,
    Steps b,
    long cRow,
    float scale,
    boolean accumulate) {

  /// The steps in a matrix, in elements, one of them 1.
  ///
  /// @param row from one row to the next
  /// @param column from one column to the next
  record Steps(long row, long column) {}
}
