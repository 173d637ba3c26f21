package dev.whittle.transform;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;

/// Products of float32 matrices, by ggml.
///
/// @param backend on the CPU
record Products(Backend backend) {
  /// `A Bᵀ`.
  ///
  /// @param a [rows, inner]
  /// @param b [columns, inner]
  /// @return [rows, columns]
  float[] timesTransposed(float[] a, float[] b, int inner) {
    try (TensorContext context = new TensorContext(4)) {
      Tensor left = context.newTensor(GgmlType.F32, inner, a.length / inner);
      Tensor right = context.newTensor(GgmlType.F32, inner, b.length / inner);
      Tensor product = new Operations(context).multiplyMatrices(right, left);
      context.allocate(backend);
      left.write(a);
      right.write(b);
      backend.compute(new Graph(context, "a product", 4).expand(product));
      return product.readFloats();
    }
  }

  /// The transpose of a matrix [rows, columns].
  static float[] transposed(float[] matrix, int columns) {
    int rows = matrix.length / columns;
    float[] transposed = new float[matrix.length];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        transposed[j * rows + i] = matrix[i * columns + j];
      }
    }
    return transposed;
  }
}
