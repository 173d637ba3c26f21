package dev.whittle.quantization;

/// How weights are rounded when a model is quantized without training.
public enum QuantizationMethod {
  /// ggml's encoders, each weight as important as any other: `llama-quantize` without an importance
  /// matrix, byte for byte.
  RTN,
  /// ggml's encoders with an importance matrix: `llama-quantize --imatrix`, byte for byte.
  IMATRIX,
  /// Scales fitted to the weights ([dev.whittle.blocks.Effort#THOROUGH]), and to an importance
  /// matrix if there is one, for the types that [dev.whittle.blocks.BlockFormat] has; ggml's
  /// encoders for the others.
  FITTED,
  /// Column by column, each one's error made up for by those behind it, by what a calibration text
  /// brings in (`dev.whittle.gptq`).
  GPTQ,
  /// GPTQ, and then training of each layer's blocks until its outputs come close to those of full
  /// precision (`dev.whittle.blockwise`).
  BLOCKWISE;

  /// Whether the method learns from a calibration text what goes into each matrix, so that it needs
  /// no importance matrix, and makes the blocks itself.
  public boolean isCalibrated() {
    return this == GPTQ || this == BLOCKWISE;
  }
}
