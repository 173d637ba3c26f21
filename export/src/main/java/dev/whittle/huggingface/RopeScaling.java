package dev.whittle.huggingface;

import java.util.OptionalDouble;

/// How a model stretches its rotary position embedding (RoPE) over longer contexts.
sealed interface RopeScaling {

  /// Not at all.
  record None() implements RopeScaling {}

  /// Positions divided by a factor.
  record Linear(double factor) implements RopeScaling {}

  /// YaRN (Peng et al. 2023, arXiv:2309.00071).
  record Yarn(
      double factor,
      long originalContext,
      OptionalDouble extrapolationFactor,
      OptionalDouble attentionFactor,
      OptionalDouble betaFast,
      OptionalDouble betaSlow)
      implements RopeScaling {}

  /// Llama 3.1's: low frequencies divided by a factor, high ones kept, those between blended.
  record Llama3(
      double factor, double lowFrequencyFactor, double highFrequencyFactor, long originalContext)
      implements RopeScaling {

    /// What each of the `headDim / 2` frequencies is divided by, as `rope_freqs.weight` holds it.
    float[] frequencyDivisors(double base, long headDim) {
      float[] divisors = new float[Math.toIntExact(headDim / 2)];
      for (int i = 0; i < divisors.length; i++) {
        double wavelength = 2 * Math.PI * Math.pow(base, 2.0 * i / headDim);
        divisors[i] = (float) divisor(wavelength);
      }
      return divisors;
    }

    private double divisor(double wavelength) {
      if (wavelength < originalContext / highFrequencyFactor) {
        return 1;
      }
      if (wavelength > originalContext / lowFrequencyFactor) {
        return factor;
      }
      double smooth =
          (originalContext / wavelength - lowFrequencyFactor)
              / (highFrequencyFactor - lowFrequencyFactor);
      return 1 / ((1 - smooth) / factor + smooth);
    }
  }
}
