package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LossScheduleTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "forward-kl | 1 | 1 | 1",
        "forward-kl:0.25 | 0.25 | 0.25 | 0.25",
        "forward-kl:1..0.5 | 1 | 0.75 | 0.5",
        "forward-kl:2..1@0.5 | 2 | 1 | 1",
        "forward-kl:0.1..1@0.5-1 | 0.1 | 0.1 | 1",
        "forward-kl:1..3@0.25-0.75 | 1 | 2 | 3"
      })
  void aWeightGoesFromItsFirstValueToItsLast(
      String loss, double first, double middle, double last) {
    LossSchedule schedule = LossSchedule.parse(loss, 1);
    double[] wanted = {first, middle, last};
    for (int i = 0; i < wanted.length; i++) {
      assertEquals(
          wanted[i], schedule.at(1 + 50 * i, 101).weight(Objective.FORWARD_KL), 1e-12, "at " + i);
    }
    assertEquals(schedule, LossSchedule.parse(schedule.toString(), 1));
    assertEquals(first == last, schedule.isConstant());
  }

  @Test
  void aTermWithoutWeightIsNotInTheMix() {
    LossSchedule schedule = LossSchedule.parse("forward-kl,ce:0..0.1@0.5-1,hidden:1..0@0.5", 1);
    assertEquals(
        Map.of(Objective.FORWARD_KL, 1.0, Objective.HIDDEN, 1.0), schedule.at(1, 101).weights());
    assertEquals(Map.of(Objective.FORWARD_KL, 1.0), schedule.at(51, 101).weights());
    assertEquals(
        Map.of(Objective.FORWARD_KL, 1.0, Objective.CE, 0.1), schedule.at(101, 101).weights());
    assertTrue(schedule.comparesStatesFrom(50, 101));
    assertFalse(schedule.comparesStatesFrom(51, 101));
    assertTrue(LossSchedule.parse("ce,hidden:0..1@0.5-1", 1).comparesStatesFrom(1, 101));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "forward-kl:0",
        "forward-kl:-1",
        "forward-kl:0..0",
        "forward-kl:1..-1",
        "forward-kl:1..x",
        "forward-kl:1..0.5@0",
        "forward-kl:1..0.5@1.5",
        "forward-kl:1..0.5@0.8-0.2",
        "forward-kl:1..0.5@0.2-",
        "forward-kl:1..0",
        "forward-kl:1..0@0.5,ce:0..1@0.5-1",
        "hidden",
        "forward-kl,forward-kl:0.5"
      })
  void whatMakesNoSenseIsRefused(String loss) {
    assertThrows(IllegalArgumentException.class, () -> LossSchedule.parse(loss, 1));
  }

  @Test
  void onlyATeacherTellsHowMuchTokensCount() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> LossSchedule.parse("ce", 1, TokenWeights.ENTROPY));
    assertTrue(e.getMessage().contains("uniform"), e.getMessage());
    LossSchedule later = LossSchedule.parse("forward-kl:1..0,ce:0..1", 1, TokenWeights.ENTROPY);
    assertEquals(TokenWeights.ENTROPY, later.at(5, 5).tokenWeights());
  }
}
