package dev.whittle.blocks;

/// How hard an encoder looks for the scales of a block.
public enum Effort {
  /// A few candidates and little refinement, for the encoding that each step of training does. On
  /// average the error is below that of ggml's encoder.
  FAST,
  /// Many candidates, refined until it hardly helps, for a file that is encoded once. No row has a
  /// greater (weighted) squared error than ggml's encoder gives it, which is ensured by encoding
  /// with that as well and keeping the better block.
  THOROUGH
}
