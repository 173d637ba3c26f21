package dev.whittle.transform;

import java.util.Arrays;
import java.util.Optional;
import java.util.Random;

/// A randomized Hadamard rotation: signs, then a Hadamard matrix over the square root of its order,
/// as in QuaRot (Ashkboos et al. 2024, <https://arxiv.org/abs/2404.00456>).
///
/// The order is a power of two times that of a matrix of Paley's: `H = S ⊗ P`, where `S` is
/// Sylvester's, applied by the fast Walsh–Hadamard transform.
final class Rotation implements LinearMap {
  private final float[] signs;
  private final float[][] paley;
  private final float factor;

  private Rotation(float[] signs, float[][] paley) {
    this.signs = signs;
    this.paley = paley;
    factor = (float) (1 / Math.sqrt(signs.length));
  }

  /// A rotation of this order with random signs.
  ///
  /// @return nothing if no Hadamard matrix of the order is known here
  static Optional<Rotation> random(int order, Random random) {
    float[] signs = new float[order];
    for (int i = 0; i < order; i++) {
      signs[i] = random.nextBoolean() ? 1 : -1;
    }
    return of(signs);
  }

  /// The rotation of this order without signs.
  ///
  /// @return nothing if no Hadamard matrix of the order is known here
  static Optional<Rotation> plain(int order) {
    float[] signs = new float[order];
    Arrays.fill(signs, 1);
    return of(signs);
  }

  private static Optional<Rotation> of(float[] signs) {
    // The smaller the dense factor, the faster.
    int rest = signs.length >> Integer.numberOfTrailingZeros(signs.length);
    for (int order = rest; order <= signs.length; order *= 2) {
      Optional<float[][]> matrix = Paley.matrix(order);
      if (matrix.isPresent()) {
        return Optional.of(new Rotation(signs, matrix.get()));
      }
    }
    return Optional.empty();
  }

  @Override
  public int size() {
    return signs.length;
  }

  @Override
  public void apply(float[] values, int first) {
    int order = paley.length;
    float[] part = new float[order];
    for (int start = 0; start < signs.length; start += order) {
      for (int i = 0; i < order; i++) {
        part[i] = values[first + start + i] * signs[start + i] * factor;
      }
      for (int j = 0; j < order; j++) {
        float sum = 0;
        for (int i = 0; i < order; i++) {
          sum += part[i] * paley[i][j];
        }
        values[first + start + j] = sum;
      }
    }
    for (int half = order; half < signs.length; half *= 2) {
      for (int start = 0; start < signs.length; start += 2 * half) {
        for (int i = first + start; i < first + start + half; i++) {
          float a = values[i];
          float b = values[i + half];
          values[i] = a + b;
          values[i + half] = a - b;
        }
      }
    }
  }

  /// A rotation is its own inverse transpose.
  @Override
  public LinearMap inverseTransposed() {
    return this;
  }
}
