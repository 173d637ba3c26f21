package dev.whittle.transform;

import dev.whittle.gptq.Hessian;
import java.util.List;

/// What goes into the matrices that share their inputs, on the calibration text.
///
/// @param matrices their names, without the `blk.N.` in front
/// @param hessian `Σ x xᵀ`
/// @param maxima [inputs] the greatest |x|
record SiteInputs(List<String> matrices, Hessian hessian, float[] maxima) {
  int size() {
    return maxima.length;
  }

  /// The root of the mean square of each input, [inputs].
  float[] magnitudes() {
    float[] magnitudes = hessian.importance(matrices.getFirst());
    for (int i = 0; i < magnitudes.length; i++) {
      magnitudes[i] = (float) Math.sqrt(magnitudes[i]);
    }
    return magnitudes;
  }

  /// `Σ x xᵀ` of the inputs over some divisors, [inputs, inputs]; zeros where a divisor is zero,
  /// since nothing comes in there.
  float[] hessian(float[] divisors) {
    int size = size();
    float[] divided = hessian.sums().clone();
    for (int i = 0; i < divided.length; i++) {
      float divisor = divisors[i / size] * divisors[i % size];
      divided[i] = divisor == 0 ? 0 : divided[i] / divisor;
    }
    return divided;
  }
}
