package dev.whittle.transform;

import dev.whittle.optimizer.AdamW;
import dev.whittle.transform.ScaleSearch.Reader;
import java.util.List;

/// Scales of channels, learned from those of [ScaleSearch] on: the part of FlatQuant (Sun et al.
/// 2024, <https://arxiv.org/abs/2410.09426>) that folds into norms and neighbouring matrices.
///
/// The paper learns by the error of a layer's output; here it is that of each matrix
/// ([OutputError]). Adam descends along the logarithms of the scales, and the best are kept.
final class LearnedScales {
  /// The learning rate at first; it falls to nothing.
  private static final double RATE = 0.02;

  private final ScaleSearch search;
  private final OutputError errors;
  private final int steps;

  LearnedScales(ScaleSearch search, OutputError errors, int steps) {
    this.search = search;
    this.errors = errors;
    this.steps = steps;
  }

  /// The scales of a site. Where inputs share scales, those of the search: a matrix for each head
  /// comes in their place ([LearnedHeads]).
  ///
  /// @return [inputs] what the columns of the matrices are to be multiplied with
  float[] learn(SiteInputs inputs, List<Reader> readers, Sharing sharing) {
    float[] best = search.search(inputs, readers, sharing);
    if (sharing.sharing() > 1) {
      return best;
    }
    int size = best.length;
    float[] logs = new float[size];
    for (int i = 0; i < size; i++) {
      logs[i] = (float) Math.log(best[i]);
    }
    double[] shares =
        readers.stream()
            .mapToDouble(r -> 1 / errors.energy(r.values(), inputs.hessian().sums(), size))
            .toArray();
    float[] slopes = new float[size];
    float[] first = new float[size];
    float[] second = new float[size];
    double least = Double.POSITIVE_INFINITY;
    for (int step = 0; step <= steps; step++) {
      float[] scales = new float[size];
      for (int i = 0; i < size; i++) {
        scales[i] = (float) Math.exp(logs[i]);
        slopes[i] = 0;
      }
      double error = 0;
      for (int m = 0; m < readers.size(); m++) {
        if (errors.rounding().rounds(readers.get(m).name()) && Double.isFinite(shares[m])) {
          error += error(inputs, readers.get(m), scales, shares[m], slopes);
        }
      }
      if (error < least) {
        least = error;
        best = scales;
      }
      float rate = (float) (RATE * (steps - step) / steps);
      AdamW.DEFAULT
          .at(new AdamW.Step(step + 1, rate, 0, 1))
          .apply(logs, slopes, first, second, size);
    }
    return best;
  }

  /// The share of the outputs that rounding changes, and its slopes in the scales' logarithms.
  private double error(
      SiteInputs inputs, Reader reader, float[] scales, double share, float[] slopes) {
    OutputError.Result result = search.rounded(reader, inputs, scales);
    for (int i = 0; i < result.rounded().length; i++) {
      slopes[i % scales.length] -= (float) (2 * share * result.rounded()[i] * result.products()[i]);
    }
    return result.error() * share;
  }
}
