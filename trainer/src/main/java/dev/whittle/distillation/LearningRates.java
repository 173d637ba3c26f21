package dev.whittle.distillation;

import dev.whittle.ggml.GgmlType;

/// Peak learning rates to start from, by the bits of the blocks.
///
/// Found on the bundled model of 5 million parameters with AdamW. Over 4,000 steps of 8,192 tokens,
/// 2e-5 did best of 1e-5 to 1e-4 at Q4_0 and of 1e-5 to 5e-5 at MXFP4, and 4e-5 of 3e-5 to 2e-4 at
/// Q3_K_M: what the model knows and the text does not say is lost at higher ones. Over a thousand
/// steps of 4,096 tokens, 1e-4 and 3e-4 did equally well at Q2_K and 1e-3 clearly worse, and at
/// TQ2_0 5e-4 did best, 1e-3 nearly as well, and 2e-3 worse. The coarser the levels, the further a
/// master has to move before its block changes. Larger models usually want less; text that covers
/// all that the model knows, and many tokens of it, allow for more.
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
    return bits < 4 ? 4e-5 : 2e-5;
  }
}
