package dev.whittle.optimizer;

/// A linear warm-up, then a cosine down to a fraction of the peak (Loshchilov and Hutter 2017).
///
/// @param peak the highest learning rate
/// @param warmup steps until the peak
/// @param steps steps in all
/// @param floor the last step's share of the peak
public record LearningRateSchedule(double peak, int warmup, int steps, double floor) {
  public LearningRateSchedule {
    if (!(peak > 0) || warmup < 0 || steps < 1 || !(floor >= 0 && floor <= 1)) {
      throw new IllegalArgumentException(
          "a schedule needs a positive peak, at least one step, and a floor of 0 to 1");
    }
  }

  /// The learning rate of a step, counted from 1.
  public double at(int step) {
    if (step <= warmup) {
      return peak * step / warmup;
    }
    double progress = steps <= warmup ? 1 : (double) (step - warmup) / (steps - warmup);
    double cosine = 0.5 * (1 + Math.cos(Math.PI * Math.min(progress, 1)));
    return peak * (floor + (1 - floor) * cosine);
  }
}
