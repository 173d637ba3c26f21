package dev.whittle.transform;

import java.util.Arrays;
import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.RandomMatrices_DDRM;

/// Any invertible matrix.
///
/// @param matrix [size, size]
/// @param inverseTranspose its inverse, transposed, [size, size]
record MatrixMap(DMatrixRMaj matrix, DMatrixRMaj inverseTranspose) implements LinearMap {
  /// @throws IllegalArgumentException if the matrix has no inverse
  static MatrixMap of(DMatrixRMaj matrix) {
    DMatrixRMaj inverse = new DMatrixRMaj(matrix.numRows, matrix.numCols);
    if (!CommonOps_DDRM.invert(matrix, inverse)) {
      throw new IllegalArgumentException("the matrix has no inverse");
    }
    return new MatrixMap(matrix, CommonOps_DDRM.transpose(inverse, null));
  }

  /// A rotation by this matrix.
  ///
  /// @param matrix orthogonal
  static MatrixMap orthogonal(DMatrixRMaj matrix) {
    return new MatrixMap(matrix, matrix);
  }

  /// A random rotation.
  static MatrixMap random(int size, Random random) {
    return orthogonal(RandomMatrices_DDRM.orthogonal(size, size, random));
  }

  /// What a map does, as a matrix.
  static DMatrixRMaj matrixOf(LinearMap map) {
    int size = map.size();
    DMatrixRMaj matrix = new DMatrixRMaj(size, size);
    float[] row = new float[size];
    for (int i = 0; i < size; i++) {
      Arrays.fill(row, 0);
      row[i] = 1;
      map.apply(row, 0);
      for (int j = 0; j < size; j++) {
        matrix.set(i, j, row[j]);
      }
    }
    return matrix;
  }

  @Override
  public int size() {
    return matrix.numRows;
  }

  @Override
  public void apply(float[] values, int first) {
    int size = size();
    double[] sums = new double[size];
    for (int i = 0; i < size; i++) {
      double value = values[first + i];
      int row = i * size;
      for (int j = 0; j < size; j++) {
        sums[j] += value * matrix.data[row + j];
      }
    }
    for (int j = 0; j < size; j++) {
      values[first + j] = (float) sums[j];
    }
  }

  @Override
  public LinearMap inverseTransposed() {
    return new MatrixMap(inverseTranspose, matrix);
  }
}
