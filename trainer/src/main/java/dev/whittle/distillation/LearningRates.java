package dev.whittle.distillation;

import dev.whittle.ggml.GgmlType;

/// Peak learning rates to start from, by the bits of the blocks.
///
/// Found on the bundled model of 5 million parameters with AdamW and 4,096 tokens a step: at Q2_K,
/// 1e-4 and 3e-4 did equally well and 1e-3 clearly worse; at TQ2_0, 5e-4 did best, 1e-3 nearly as
/// well, and 2e-3 worse. The coarser the levels, the further a master has to move before its block
/// changes. Larger models usually want less.
public final class LearningRates {
  private LearningRates() {}

  /// The learning rate for a student of mostly this type.
  public static double forType(GgmlType type) {
    double bits = type.bitsPerWeight();
    if (bits < 2.3) {
      return 7e-4;
    }
    if (bits < 3) {
      return 2e-4;
    }
    return bits < 4 ? 1e-4 : 5e-5;
  }
}
