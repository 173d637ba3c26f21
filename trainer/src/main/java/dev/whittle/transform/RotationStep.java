package dev.whittle.transform;

import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;

/// A rotation that is learned: steps along the orthogonal group by the Cayley transform, with
/// momentum (Li et al. 2020, <https://arxiv.org/abs/2002.01113>).
final class RotationStep {
  private static final double MOMENTUM = 0.9;

  private final int size;
  private DMatrixRMaj rotation;
  private final DMatrixRMaj velocity;

  /// @param start orthogonal
  RotationStep(LinearMap start) {
    size = start.size();
    rotation = MatrixMap.matrixOf(start);
    velocity = new DMatrixRMaj(size, size);
  }

  /// The rotation by now.
  MatrixMap map() {
    return MatrixMap.orthogonal(rotation);
  }

  /// The rotation by now, transposed, [size, size].
  float[] transposed() {
    float[] transposed = new float[size * size];
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) {
        transposed[j * size + i] = (float) rotation.get(i, j);
      }
    }
    return transposed;
  }

  /// Takes a step down a slope: `R (I + K/2)⁻¹ (I − K/2)` for a skew-symmetric K.
  ///
  /// @param slope `Rᵀ ∂L/∂R`, [size, size]
  /// @param angle how far rows turn, as the root of the mean square over them, in radians
  void descend(double[] slope, double angle) {
    double norm = 0;
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) {
        double skew = slope[i * size + j] - slope[j * size + i];
        velocity.set(i, j, MOMENTUM * velocity.get(i, j) + skew);
        norm += velocity.get(i, j) * velocity.get(i, j);
      }
    }
    if (norm == 0) {
      return;
    }
    double factor = angle * Math.sqrt(size / norm) / 2;
    DMatrixRMaj plus = CommonOps_DDRM.identity(size);
    DMatrixRMaj minus = CommonOps_DDRM.identity(size);
    CommonOps_DDRM.addEquals(plus, factor, velocity);
    CommonOps_DDRM.addEquals(minus, -factor, velocity);
    DMatrixRMaj cayley = new DMatrixRMaj(size, size);
    CommonOps_DDRM.solve(plus, minus, cayley);
    rotation = CommonOps_DDRM.mult(rotation, cayley, null);
  }
}
