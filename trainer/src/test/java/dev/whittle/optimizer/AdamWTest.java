package dev.whittle.optimizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Random;
import org.junit.jupiter.api.Test;

class AdamWTest {
  private static final int N = 37;

  /// The formulas of the paper (algorithm 2), in float64.
  private static void reference(
      double[] w, double[] g, double[] m, double[] v, int t, double lr, double decay) {
    for (int i = 0; i < N; i++) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.95 * v[i] + 0.05 * g[i] * g[i];
      double mHat = m[i] / (1 - Math.pow(0.9, t));
      double vHat = v[i] / (1 - Math.pow(0.95, t));
      w[i] -= lr * (mHat / (Math.sqrt(vHat) + 1e-8) + decay * w[i]);
    }
  }

  @Test
  void stepsAreThoseOfThePaper() {
    Random random = new Random(2);
    float[] weight = new float[N];
    float[] gradient = new float[N];
    float[] first = new float[N];
    float[] second = new float[N];
    double[] w = new double[N];
    double[] m = new double[N];
    double[] v = new double[N];
    for (int i = 0; i < N; i++) {
      weight[i] = (float) random.nextGaussian();
      w[i] = weight[i];
    }
    for (int t = 1; t <= 20; t++) {
      double[] g = new double[N];
      for (int i = 0; i < N; i++) {
        gradient[i] = (float) random.nextGaussian();
        g[i] = gradient[i] * 0.5;
      }
      reference(w, g, m, v, t, 1e-2, 0.1);
      AdamW.Step step = new AdamW.Step(t, 1e-2f, 0.1f, 0.5f);
      AdamW.DEFAULT.at(step).apply(weight, gradient, first, second, N);
    }
    float[] expected = new float[N];
    for (int i = 0; i < N; i++) {
      expected[i] = (float) w[i];
    }
    assertArrayEquals(expected, weight, 1e-5f);
  }

  @Test
  void theScheduleRisesThenFalls() {
    LearningRateSchedule schedule = new LearningRateSchedule(1e-3, 10, 110, 0.1);
    assertEquals(1e-4, schedule.at(1), 1e-12);
    assertEquals(1e-3, schedule.at(10), 1e-12);
    assertEquals(0.55e-3, schedule.at(60), 1e-12);
    assertEquals(1e-4, schedule.at(110), 1e-12);
  }

  @Test
  void aScheduleMayBeAllWarmUp() {
    LearningRateSchedule schedule = new LearningRateSchedule(1e-3, 4, 4, 0);
    assertEquals(1e-3, schedule.at(4), 1e-12);
  }

  @Test
  void settingsThatCannotWorkAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new AdamW(1f, 0.9f, 1e-8f));
    assertThrows(IllegalArgumentException.class, () -> new LearningRateSchedule(0, 1, 10, 0));
  }
}
