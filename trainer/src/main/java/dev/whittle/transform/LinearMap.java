package dev.whittle.transform;

/// An invertible linear map of row vectors, `x` to `x M`.
///
/// Where a model's hidden vector `x` becomes `x M`, the matrix that reads it becomes `W M⁻ᵀ` (by
/// [#inverseTransposed], to each of its rows), and the matrix that writes it `Mᵀ W` (by this map,
/// to each of its columns), so that products come out as before.
public sealed interface LinearMap permits Scaling, Rotation, MatrixMap, BlockDiagonal {
  /// How long the vectors are.
  int size();

  /// Puts `x M` in the place of the vector `x`, which is [#size] elements of an array.
  ///
  /// @param first where the vector begins
  void apply(float[] values, int first);

  /// Puts `x M` in the place of each row `x` of a matrix [rows, size].
  default void applyToRows(float[] matrix) {
    for (int first = 0; first < matrix.length; first += size()) {
      apply(matrix, first);
    }
  }

  /// `M⁻ᵀ`.
  LinearMap inverseTransposed();
}
