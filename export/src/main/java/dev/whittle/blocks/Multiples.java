package dev.whittle.blocks;

import java.util.Arrays;

/// Numbers as whole multiples of one step: how formats with superblocks encode the scales of their
/// sub-blocks.
final class Multiples {
  /// Weights that are all alike.
  static final float[] EQUAL = new float[Tile.SEGMENTS];

  static {
    Arrays.fill(EQUAL, 1);
  }

  private Multiples() {}

  /// The step with the least weighted squared error, `Σw(v - l step)²` for the nearest `l`, as a
  /// float16.
  ///
  /// Tries steps at which the value of greatest magnitude is a given multiple, and for each takes
  /// the least-squares step of the multiples that it leads to.
  ///
  /// @param v the numbers, those from `first` to before `end`
  /// @param w their weights
  /// @param lowest the lowest multiple there is
  /// @param highest the highest
  /// @param tries how many multiples to try on either end of the range, from the end inwards
  static short step(float[] v, float[] w, int first, int end, int lowest, int highest, int tries) {
    float extreme = 0;
    for (int i = first; i < end; i++) {
      if (Math.abs(v[i]) > Math.abs(extreme)) {
        extreme = v[i];
      }
    }
    short best = 0;
    double bestGain = 0;
    for (int t = 0; t < tries && extreme != 0; t++) {
      for (int side = 0; side < 2; side++) {
        int multiple = side == 0 ? highest - t : lowest + t;
        if (multiple == 0 || side == 1 && lowest == 0) {
          continue;
        }
        float inverse = multiple / extreme;
        double vl = 0;
        double ll = 0;
        for (int i = first; i < end; i++) {
          float l = nearest(v[i] * inverse, lowest, highest);
          double wl = (double) w[i] * l;
          vl += wl * v[i];
          ll += wl * l;
        }
        short encoded = Float16.nearest(ll > 0 ? vl / ll : extreme / multiple);
        double step = Float.float16ToFloat(encoded);
        // What the step takes off Σwv².
        double gain = step * (2 * vl - step * ll);
        if (gain > bestGain || t + side == 0) {
          bestGain = gain;
          best = encoded;
        }
      }
    }
    return best;
  }

  static int nearest(float value, int lowest, int highest) {
    return Math.clamp(Math.round(value), lowest, highest);
  }
}
