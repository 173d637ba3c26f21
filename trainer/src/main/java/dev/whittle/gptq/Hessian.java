package dev.whittle.gptq;

import dev.whittle.model.BatchInputs;
import dev.whittle.model.SingleLayer;
import dev.whittle.quantization.QuantizationException;
import java.util.List;

/// `Σ x xᵀ` over the inputs of a matrix: half the Hessian of the squared error of its outputs.
///
/// @param columns how many inputs the matrix has
/// @param sums [columns, columns], symmetric
/// @param tokens how many inputs were summed up
public record Hessian(int columns, float[] sums, long tokens) {
  public Hessian {
    if (sums.length != Math.multiplyExact(columns, columns)) {
      throw new IllegalArgumentException(
          sums.length + " sums of products do not belong to " + columns + " columns");
    }
  }

  /// Sums over the calibration text, tokens weighed by what an error at the matrices costs.
  ///
  /// @param products the inputs, of the layer that was loaded last, with the states before it
  /// @param names of the matrices that share them, in the file
  static Hessian of(
      SingleLayer.InputProducts products,
      List<String> names,
      TokenSensitivity sensitivity,
      CalibrationBatches batches,
      BatchInputs inputs,
      SingleLayer layer) {
    products.clear();
    for (int b = 0; b < batches.size(); b++) {
      batches.load(b, inputs, layer);
      layer.counted().write(TokenSensitivity.roots(sensitivity.at(names, b)));
      products.add();
    }
    float[] sums = products.sums();
    return new Hessian((int) Math.sqrt(sums.length), sums, batches.tokens());
  }

  /// `Σ x²` of each column.
  ///
  /// @param name the matrix, for the message
  /// @throws QuantizationException if one is not a number
  double[] energies(String name) {
    double[] energies = new double[columns];
    for (int i = 0; i < columns; i++) {
      energies[i] = sums[i * columns + i];
      if (!(energies[i] >= 0 && energies[i] < Double.POSITIVE_INFINITY)) {
        throw new QuantizationException(
            "input "
                + i
                + " of '"
                + name
                + "' is not finite on the calibration text; the model's weights are damaged");
      }
    }
    return energies;
  }

  /// The mean of `x²` of each column, as an importance.
  public float[] importance(String name) {
    double[] energies = energies(name);
    float[] means = new float[columns];
    for (int i = 0; i < columns; i++) {
      means[i] = (float) (energies[i] / Math.max(1, tokens));
    }
    return means;
  }

  float at(int row, int column) {
    return sums[row * columns + column];
  }
}
