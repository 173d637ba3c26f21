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
}
