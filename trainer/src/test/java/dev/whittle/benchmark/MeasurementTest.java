package dev.whittle.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class MeasurementTest {

  @Test
  void aDisturbedValueDoesNotMoveTheMedian() {
    assertEquals(new Measurement(3, 2, 100), Measurement.of(100, 2, 3));
    assertEquals(new Measurement(2.5, 1, 100), Measurement.of(3, 100, 2, 1));
    assertEquals(new Measurement(7, 7, 7), Measurement.of(7));
  }

  @Test
  void nothingHasNoMedian() {
    assertThrows(IllegalArgumentException.class, Measurement::of);
  }
}
