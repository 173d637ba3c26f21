package dev.whittle.transform;

import java.util.Optional;

/// Hadamard matrices by Paley's two constructions over the integers modulo a prime q: of order q +
/// 1 where q is 3 modulo 4, and of order 2 (q + 1) where it is 1 modulo 4.
final class Paley {
  private Paley() {}

  /// A matrix H of ones and minus ones with `H Hᵀ = n I`, [order, order].
  ///
  /// @return nothing if neither construction gives the order
  static Optional<float[][]> matrix(int order) {
    if (order == 1) {
      return Optional.of(new float[][] {{1}});
    }
    if (order % 4 == 0 && isPrime(order - 1)) {
      return Optional.of(first(order - 1));
    }
    int q = order / 2 - 1;
    if (order % 4 == 0 && q % 4 == 1 && isPrime(q)) {
      return Optional.of(second(q));
    }
    return Optional.empty();
  }

  /// `I + C` for the skew conference matrix C of order q + 1.
  private static float[][] first(int q) {
    float[][] matrix = conference(q);
    for (int i = 0; i <= q; i++) {
      matrix[i][0] = i == 0 ? 0 : -1;
      matrix[i][i] = 1;
    }
    return matrix;
  }

  /// Each element of the symmetric conference matrix, times a matrix of two by two; another one in
  /// place of the zeros on its diagonal.
  private static float[][] second(int q) {
    float[][] conference = conference(q);
    float[][] matrix = new float[2 * (q + 1)][2 * (q + 1)];
    for (int i = 0; i <= q; i++) {
      for (int j = 0; j <= q; j++) {
        float c = conference[i][j];
        matrix[2 * i][2 * j] = i == j ? 1 : c;
        matrix[2 * i][2 * j + 1] = i == j ? -1 : c;
        matrix[2 * i + 1][2 * j] = i == j ? -1 : c;
        matrix[2 * i + 1][2 * j + 1] = i == j ? -1 : -c;
      }
    }
    return matrix;
  }

  /// The quadratic residues' matrix with a border of ones and a diagonal of zeros, [q + 1, q + 1].
  private static float[][] conference(int q) {
    boolean[] residue = new boolean[q];
    for (long i = 1; i < q; i++) {
      residue[(int) (i * i % q)] = true;
    }
    float[][] matrix = new float[q + 1][q + 1];
    for (int i = 1; i <= q; i++) {
      matrix[0][i] = 1;
      matrix[i][0] = 1;
      for (int j = 1; j <= q; j++) {
        matrix[i][j] = i == j ? 0 : residue[Math.floorMod(j - i, q)] ? 1 : -1;
      }
    }
    return matrix;
  }

  private static boolean isPrime(int n) {
    for (int i = 2; (long) i * i <= n; i++) {
      if (n % i == 0) {
        return false;
      }
    }
    return n > 1;
  }
}
