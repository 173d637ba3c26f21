package dev.whittle.transform;

import dev.whittle.transform.ScaleSearch.Reader;
import java.util.List;

/// SmoothQuant's scales (Xiao et al. 2022, <https://arxiv.org/abs/2211.10438>): `max|x|^α /
/// max|W|^(1 − α)` of each channel.
///
/// @param alpha 0 to 1
record Smoothing(double alpha) {
  /// Maxima count as no smaller than this.
  private static final float FLOOR = 1e-5f;

  /// The scales of a site.
  ///
  /// @param readers its matrices
  /// @return [inputs] what the columns of the matrices are to be multiplied with
  float[] scales(SiteInputs inputs, List<Reader> readers, Sharing sharing) {
    float[] weights = new float[inputs.size()];
    for (Reader reader : readers) {
      for (int i = 0; i < reader.values().length; i++) {
        int column = i % weights.length;
        weights[column] = Math.max(weights[column], Math.abs(reader.values()[i]));
      }
    }
    float[] activations = sharing.greatest(inputs.maxima());
    weights = sharing.greatest(weights);
    float[] scales = new float[weights.length];
    for (int i = 0; i < scales.length; i++) {
      scales[i] =
          (float)
              (Math.pow(Math.max(activations[i], FLOOR), alpha)
                  / Math.pow(Math.max(weights[i], FLOOR), 1 - alpha));
    }
    return scales;
  }
}
