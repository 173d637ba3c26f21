package dev.whittle.quantization;

/// Hears how far the quantization of a model has come.
@FunctionalInterface
public interface QuantizationListener {
  /// A listener that does nothing.
  QuantizationListener NONE = report -> {};

  /// Called after each tensor.
  void quantized(TensorReport report);

  /// What became of a tensor.
  ///
  /// @param index the tensor's place in the file, from 0
  /// @param count how many tensors the file has
  /// @param assignment the tensor and its type
  /// @param weighted whether an importance was used
  /// @param relativeError the squared error over the squares of the values, both summed over the
  ///   whole tensor; 0 for a copy
  record TensorReport(
      int index,
      int count,
      QuantizationPlan.Assignment assignment,
      boolean weighted,
      double relativeError) {}
}
