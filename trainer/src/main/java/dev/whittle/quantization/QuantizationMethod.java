package dev.whittle.quantization;

/// How weights are rounded when a model is quantized without training.
public enum QuantizationMethod {
  /// ggml's encoders, each weight as important as any other: `llama-quantize` without an importance
  /// matrix, byte for byte.
  RTN,
  /// ggml's encoders with an importance matrix: `llama-quantize --imatrix`, byte for byte.
  IMATRIX,
  /// The encoder that suits a type best, which for some is one that fits the scale
  /// ([BlockEncoders]), with an importance matrix if there is one.
  FITTED
}
