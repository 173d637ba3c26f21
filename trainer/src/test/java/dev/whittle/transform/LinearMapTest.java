package dev.whittle.transform;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.MatrixFeatures_DDRM;
import org.ejml.dense.row.RandomMatrices_DDRM;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class LinearMapTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 12, 16, 20, 28, 36, 48, 64, 96, 128, 896, 1536})
  void rotationsAreHadamardMatrices(int order) {
    DMatrixRMaj matrix = MatrixMap.matrixOf(Rotation.random(order, new Random(1)).orElseThrow());
    for (double element : matrix.data) {
      assertEquals(1, Math.abs(element) * Math.sqrt(order), 1e-5);
    }
    // Sums of up to 1,536 products in single precision.
    assertTrue(MatrixFeatures_DDRM.isOrthogonal(matrix, 1e-5));
  }

  @Test
  void noHadamardMatrixIsMadeUp() {
    // Orders that are no multiple of four do not exist; for 92 neither of the constructions works.
    for (int order : List.of(3, 6, 50, 92)) {
      assertTrue(Rotation.random(order, new Random(1)).isEmpty(), "order " + order);
    }
    assertTrue(
        MatrixFeatures_DDRM.isOrthogonal(
            MatrixMap.matrixOf(Rotations.random(50, new Random(1))), 1e-5));
  }

  @Test
  void seedsMakeDifferentRotations() {
    assertTrue(
        Arrays.equals(
            MatrixMap.matrixOf(Rotations.random(32, new Random(7))).data,
            MatrixMap.matrixOf(Rotations.random(32, new Random(7))).data));
    assertTrue(
        !Arrays.equals(
            MatrixMap.matrixOf(Rotations.random(32, new Random(7))).data,
            MatrixMap.matrixOf(Rotations.random(32, new Random(8))).data));
  }

  static Stream<LinearMap> maps() {
    Random random = new Random(3);
    DMatrixRMaj any = RandomMatrices_DDRM.rectangle(24, 24, -1, 1, random);
    CommonOps_DDRM.addEquals(any, 3, CommonOps_DDRM.identity(24));
    return Stream.of(
        new Scaling(new float[] {2, -0.5f, 3}),
        Rotation.random(24, random).orElseThrow(),
        MatrixMap.of(any),
        MatrixMap.random(10, random),
        new BlockDiagonal(List.of(MatrixMap.of(any), MatrixMap.random(24, random))).shared(2));
  }

  /// What a matrix `W` reads as `x M` is its own again if its rows are changed by `M⁻ᵀ`.
  @ParameterizedTest
  @MethodSource("maps")
  void aReaderOfChangedVectorsIsChangedByTheInverseTransposed(LinearMap map) {
    Random random = new Random(5);
    int size = map.size();
    int before = 3;
    float[] x = new float[before + size];
    float[] row = new float[size];
    for (int i = 0; i < size; i++) {
      x[before + i] = (float) random.nextGaussian();
      row[i] = (float) random.nextGaussian();
    }
    double product = product(x, before, row);
    map.apply(x, before);
    map.inverseTransposed().apply(row, 0);
    // Single precision over at most 96 elements.
    assertEquals(product, product(x, before, row), 1e-4);
    assertArrayEquals(new float[before], Arrays.copyOf(x, before));
  }

  private static double product(float[] x, int first, float[] row) {
    double sum = 0;
    for (int i = 0; i < row.length; i++) {
      sum += (double) x[first + i] * row[i];
    }
    return sum;
  }
}
