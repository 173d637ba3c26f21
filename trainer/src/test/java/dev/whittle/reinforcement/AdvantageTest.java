package dev.whittle.reinforcement;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class AdvantageTest {
  @Test
  void aGroupIsComparedWithItself() {
    double[] rewards = {1, 1, 0, 0};
    assertArrayEquals(new double[] {0.5, 0.5, -0.5, -0.5}, Advantage.CENTERED.of(rewards), 1e-12);
    assertArrayEquals(new double[] {1, 1, -1, -1}, Advantage.NORMALIZED.of(rewards), 1e-3);
  }

  @Test
  void equalRewardsTeachNothing() {
    for (Advantage advantage : Advantage.values()) {
      for (int group = 1; group < 30; group++) {
        double[] rewards = new double[group];
        Arrays.fill(rewards, 1 - 0.1 / 3);
        assertArrayEquals(new double[group], advantage.of(rewards));
      }
    }
  }

  @Test
  void tokensAreWeighed() {
    // Two replies of 2 and 6 tokens, cut off at 10.
    assertEquals(0.25, Aggregation.REPLY.weight(2, 2, 8, 10));
    assertEquals(1.0 / 12, Aggregation.REPLY.weight(6, 2, 8, 10));
    assertEquals(0.125, Aggregation.TOKEN.weight(2, 2, 8, 10));
    assertEquals(0.05, Aggregation.CONSTANT.weight(2, 2, 8, 10));
  }

  @Test
  void aRightAnswerIsWorthMoreThanAnyForm() {
    RewardSettings reward = new RewardSettings(0.2, 0.5);
    assertTrue(reward.isRight("so \\boxed{7}", "7"));
    assertFalse(reward.isRight("so 7", "7"));
    assertFalse(reward.isRight("\\boxed{7} or \\boxed{8}", "7"));
    assertTrue(reward.isRight("\\boxed{7}, that is \\boxed{7}", "7"));
    assertEquals(1.2, reward.of("so \\boxed{7}", true, false, 0), 1e-12);
    assertEquals(0.2 - 0.1, reward.of("so \\boxed{8}", false, false, 0.2), 1e-12);
    // Neither two boxes nor a reply that is cut off have the form.
    assertEquals(1, reward.of("\\boxed{7}, that is \\boxed{7}", true, false, 0), 1e-12);
    assertEquals(-0.5, reward.of("\\boxed{8} \\boxed", false, true, 1), 1e-12);
    assertThrows(IllegalArgumentException.class, () -> new RewardSettings(1, 0));
  }
}
