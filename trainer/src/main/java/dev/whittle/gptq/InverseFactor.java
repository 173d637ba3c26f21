package dev.whittle.gptq;

import java.util.Optional;
import org.ejml.data.DGrowArray;
import org.ejml.data.DMatrixRBlock;
import org.ejml.data.DMatrixRMaj;
import org.ejml.data.DSubmatrixD1;
import org.ejml.dense.block.MatrixOps_DDRB;
import org.ejml.dense.block.TriangularSolver_MT_DDRB;
import org.ejml.dense.block.decomposition.chol.CholeskyOuterForm_MT_DDRB;
import pabeles.concurrency.GrowArray;

/// The upper triangular factor U of an inverse Hessian, `H⁻¹ = Uᵀ U`.
///
/// It is found without the inverse: with the rows and columns in reverse, `H = L Lᵀ`, and U is the
/// inverse of L in reverse.
///
/// @param rows row `i` from the diagonal on, [columns - i]
record InverseFactor(float[][] rows) {
  /// Factors a damped Hessian whose columns are put in an order.
  ///
  /// @param damping what is added to the diagonal
  /// @return nothing if the damped Hessian is not positive definite
  static Optional<InverseFactor> of(Hessian hessian, int[] order, double damping) {
    int n = hessian.columns();
    DMatrixRMaj reversed = new DMatrixRMaj(n, n);
    for (int i = 0; i < n; i++) {
      int row = order[n - 1 - i];
      for (int j = 0; j <= i; j++) {
        int column = order[n - 1 - j];
        double sum = hessian.at(row, column) + (i == j ? damping : 0);
        reversed.data[i * n + j] = sum;
        reversed.data[j * n + i] = sum;
      }
    }
    // In place, here and below: at 19,000 columns a matrix is 2.9 GB.
    DMatrixRBlock matrix = MatrixOps_DDRB.convertInplace(reversed, null, null);
    CholeskyOuterForm_MT_DDRB cholesky = new CholeskyOuterForm_MT_DDRB(true);
    if (!cholesky.decompose(matrix)) {
      return Optional.empty();
    }
    DMatrixRBlock lower = cholesky.getT(null);
    DMatrixRBlock inverse = new DMatrixRBlock(n, n, lower.blockLength);
    TriangularSolver_MT_DDRB.invert(
        lower.blockLength,
        false,
        new DSubmatrixD1(lower),
        new DSubmatrixD1(inverse),
        new GrowArray<>(DGrowArray::new));
    double[] values = MatrixOps_DDRB.convertInplace(inverse, null, null).data;
    float[][] rows = new float[n][];
    for (int i = 0; i < n; i++) {
      rows[i] = new float[n - i];
      for (int j = i; j < n; j++) {
        float value = (float) values[(n - 1 - i) * n + n - 1 - j];
        if (!Float.isFinite(value)) {
          return Optional.empty();
        }
        rows[i][j - i] = value;
      }
    }
    return Optional.of(new InverseFactor(rows));
  }

  float diagonal(int i) {
    return rows[i][0];
  }
}
