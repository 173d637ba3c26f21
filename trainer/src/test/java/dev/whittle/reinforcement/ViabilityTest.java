package dev.whittle.reinforcement;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

class ViabilityTest {
  private static final int STEPS = 200;

  @Test
  void aStartWithoutRightAnswersIsRefused() {
    Viability viability = new Viability();
    viability.replied(64, 0, 0.5);
    UnviableException refusal =
        assertThrows(UnviableException.class, () -> viability.replied(64, 1, 0.9));
    assertTrue(refusal.getMessage().contains("1 of the first 128"), refusal.getMessage());
    assertTrue(refusal.getMessage().contains("distill"), refusal.getMessage());
  }

  @Test
  void aFewRightAnswersAreEnough() {
    Viability viability = new Viability();
    viability.replied(64, 0, 0);
    viability.replied(64, 3, 0);
    // What comes later is judged by other means.
    assertDoesNotThrow(() -> viability.replied(64, 0, 0));
  }

  private static void run(
      IntToDoubleFunction accuracy, IntToDoubleFunction entropy, IntToDoubleFunction truncated) {
    Viability viability = new Viability();
    for (int step = 1; step <= STEPS; step++) {
      viability.recall(
          step,
          accuracy.applyAsDouble(step),
          entropy.applyAsDouble(step),
          truncated.applyAsDouble(step));
    }
  }

  private static void assertStops(
      String word,
      IntToDoubleFunction accuracy,
      IntToDoubleFunction entropy,
      IntToDoubleFunction truncated) {
    UnviableException stop =
        assertThrows(UnviableException.class, () -> run(accuracy, entropy, truncated));
    assertTrue(stop.getMessage().contains(word), stop.getMessage());
  }

  @Test
  void learningGoesOn() {
    // The entropy falls to a fifth, as it does when a policy becomes sure of its answers.
    run(step -> 0.8 + 0.001 * step, step -> 0.1 - 0.0004 * step, step -> 0.05);
  }

  @Test
  void aNoisyStepIsNoCollapse() {
    run(step -> step == 30 ? 0 : 0.8, step -> step == 30 ? 0 : 0.1, step -> step == 30 ? 1 : 0);
  }

  @Test
  void collapseStopsTheRun() {
    assertStops("entropy", step -> 0.8, step -> step < 20 ? 0.1 : 1e-4, step -> 0);
    assertStops("cut off", step -> 0.8, step -> 0.1, step -> step < 20 ? 0.1 : 0.9);
    assertStops("worse", step -> step < 20 ? 0.8 : 0.1, step -> 0.1, step -> 0.1);
  }
}
