package dev.whittle.transform;

import java.util.Arrays;
import java.util.List;

/// AWQ's search (Lin et al. 2023, <https://arxiv.org/abs/2306.00978>): the scales of the inputs of
/// some matrices are the inputs' magnitudes to a power, and of twenty powers the one is taken that
/// changes the matrices' outputs least once they are rounded.
///
/// The change is that over all of the calibration text, `tr(E H Eᵀ)`, as a share of `tr(W H Wᵀ)`
/// for each matrix. It is not followed through attention and the activation function, as the paper
/// does. The clipping that the paper searches for afterwards is left to the encoders, which fit the
/// scales of blocks to what the inputs' importance asks for.
final class ScaleSearch {
  private static final int POWERS = 20;

  /// Magnitudes count as no smaller than this share of the greatest, so that inputs which are
  /// (almost) always zero do not get scales that the rest of their block suffers from.
  private static final double FLOOR = 1e-4;

  private final OutputError errors;

  ScaleSearch(OutputError errors) {
    this.errors = errors;
  }

  /// A matrix whose inputs are to be scaled.
  ///
  /// @param name in the model
  /// @param values [outputs, inputs]
  record Reader(String name, float[] values) {}

  /// Searches for the scales of a site.
  ///
  /// @param inputs of the site
  /// @param readers its matrices
  /// @param sharing how the inputs share scales
  /// @return [inputs] what the columns of the matrices are to be multiplied with, ones if that is
  ///   best
  float[] search(SiteInputs inputs, List<Reader> readers, Sharing sharing) {
    float[] best = LayerFolds.ones(inputs.size());
    List<Reader> rounded =
        readers.stream().filter(r -> errors.rounding().rounds(r.name())).toList();
    if (rounded.isEmpty()) {
      return best;
    }
    double[] energies =
        rounded.stream()
            .mapToDouble(r -> errors.energy(r.values(), inputs.hessian().sums(), inputs.size()))
            .toArray();
    float[] magnitudes = sharing.means(inputs.magnitudes());
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < POWERS; i++) {
      float[] scales = powers(magnitudes, (double) i / POWERS);
      double error = 0;
      for (int m = 0; m < energies.length; m++) {
        if (energies[m] > 0) {
          error += rounded(rounded.get(m), inputs, scales).error() / energies[m];
        }
      }
      if (error < least) {
        least = error;
        best = scales;
      }
    }
    return best;
  }

  /// What rounding does to a matrix whose columns are multiplied with scales, and whose inputs are
  /// divided by them.
  OutputError.Result rounded(Reader reader, SiteInputs inputs, float[] scales) {
    int columns = inputs.size();
    float[] weights = reader.values().clone();
    for (int i = 0; i < weights.length; i++) {
      weights[i] *= scales[i % columns];
    }
    return errors.of(reader.name(), weights, inputs.hessian(scales), columns);
  }

  /// Magnitudes to a power, over the geometric mean of the least and the greatest.
  private static float[] powers(float[] magnitudes, double power) {
    float greatest = 0;
    for (float magnitude : magnitudes) {
      greatest = Math.max(greatest, magnitude);
    }
    float[] scales = new float[magnitudes.length];
    if (greatest == 0) {
      Arrays.fill(scales, 1);
      return scales;
    }
    double smallest = Double.POSITIVE_INFINITY;
    for (int i = 0; i < scales.length; i++) {
      double relative = Math.max(magnitudes[i] / greatest, FLOOR);
      smallest = Math.min(smallest, relative);
      scales[i] = (float) Math.pow(relative, power);
    }
    float middle = (float) Math.pow(smallest, power / 2);
    for (int i = 0; i < scales.length; i++) {
      scales[i] /= middle;
    }
    return scales;
  }
}
