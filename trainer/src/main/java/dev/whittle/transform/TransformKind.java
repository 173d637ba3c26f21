package dev.whittle.transform;

import dev.whittle.quantization.QuantizationMethod;
import java.util.Locale;

/// The transforms there are.
public enum TransformKind {
  /// Channels by what comes in, to a power that is searched for (Lin et al. 2023,
  /// <https://arxiv.org/abs/2306.00978>).
  AWQ(false, true, QuantizationMethod.FITTED),
  /// Channels by the greatest input and weight (Xiao et al. 2022,
  /// <https://arxiv.org/abs/2211.10438>).
  SMOOTHQUANT(false, true, QuantizationMethod.FITTED),
  /// Randomized Hadamard rotations of the residual stream and of the value heads (Ashkboos et al.
  /// 2024, <https://arxiv.org/abs/2404.00456>), so far as they fold.
  QUAROT(true, false, QuantizationMethod.GPTQ),
  /// Hadamard rotations of each block of the type, of the residual stream and of the value heads:
  /// what folds of MR-GPTQ (Egiazarian et al. 2025, <https://arxiv.org/abs/2509.23202>).
  MR_GPTQ(true, false, QuantizationMethod.GPTQ),
  /// The rotations of QuaRot, learned (Liu et al. 2024, <https://arxiv.org/abs/2405.16406>).
  SPINQUANT(true, true, QuantizationMethod.GPTQ),
  /// Scales of channels and a matrix for each value head, learned: what folds of FlatQuant (Sun et
  /// al. 2024, <https://arxiv.org/abs/2410.09426>).
  FLATQUANT(false, true, QuantizationMethod.GPTQ);

  private final boolean rotatesStream;
  private final boolean needsText;
  private final QuantizationMethod rounding;

  TransformKind(boolean rotatesStream, boolean needsText, QuantizationMethod rounding) {
    this.rotatesStream = rotatesStream;
    this.needsText = needsText;
    this.rounding = rounding;
  }

  /// Whether the residual stream gets another basis, so that a tied head becomes a tensor of its
  /// own.
  public boolean rotatesStream() {
    return rotatesStream;
  }

  /// Whether the transform depends on what goes into the matrices on some text.
  public boolean needsText() {
    return needsText;
  }

  /// Whether the transform depends on the types that the matrices will get.
  public boolean needsTypes() {
    return needsText && this != SMOOTHQUANT;
  }

  /// Whether there is chance in it, which a seed decides.
  public boolean isRandom() {
    return this == QUAROT || this == SPINQUANT || this == FLATQUANT;
  }

  /// How the paper rounds what it has transformed, or what of our methods is nearest.
  public QuantizationMethod rounding() {
    return rounding;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
