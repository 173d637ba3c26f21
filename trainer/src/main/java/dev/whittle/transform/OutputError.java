package dev.whittle.transform;

/// How much rounding changes the outputs of a matrix, and which way that goes as its basis changes.
///
/// With `Q` what a matrix `W` decodes to, `E = Q − W`, and `H = Σ x xᵀ` of its inputs, the change
/// is `tr(E H Eᵀ)`. While Q stays, and the encoder finds the nearest Q so that its own change does
/// not count to first order, the change has the slopes `−2 Qᵀ (E H)` in a map `A` of the rows (at
/// the identity, W to W A and H to A⁻¹ H A⁻ᵀ), and `−2 W (E H)ᵀ` in a rotation of the columns.
///
/// @param products computes them
/// @param rounding how matrices are rounded
record OutputError(Products products, TrialRounding rounding) {
  /// What rounding does to a matrix.
  ///
  /// @param rounded Q, [rows, columns]
  /// @param products `E H`, [rows, columns]
  /// @param error `tr(E H Eᵀ)`
  record Result(float[] rounded, float[] products, double error) {}

  /// Rounds a matrix.
  ///
  /// @param weights [rows, columns]
  /// @param hessian [columns, columns], or its diagonal alone, [columns]
  Result of(String name, float[] weights, float[] hessian, int columns) {
    boolean diagonal = hessian.length == columns;
    float[] importance = new float[columns];
    for (int i = 0; i < columns; i++) {
      // Rotated in single precision, a zero may come out below zero.
      importance[i] = Math.max(0, hessian[diagonal ? i : i * columns + i]);
    }
    float[] rounded = rounding.rounded(name, weights, importance);
    float[] error = new float[weights.length];
    for (int i = 0; i < error.length; i++) {
      error[i] = rounded[i] - weights[i];
    }
    float[] change = weighted(error, hessian, columns);
    double sum = 0;
    for (int i = 0; i < error.length; i++) {
      sum += (double) error[i] * change[i];
    }
    return new Result(rounded, change, sum);
  }

  /// `tr(W H Wᵀ)`.
  double energy(float[] weights, float[] hessian, int columns) {
    float[] product = weighted(weights, hessian, columns);
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      sum += (double) weights[i] * product[i];
    }
    return sum;
  }

  private float[] weighted(float[] matrix, float[] hessian, int columns) {
    if (hessian.length != columns) {
      return products.timesTransposed(matrix, hessian, columns);
    }
    float[] weighted = matrix.clone();
    for (int i = 0; i < weighted.length; i++) {
      weighted[i] *= hessian[i % columns];
    }
    return weighted;
  }
}
