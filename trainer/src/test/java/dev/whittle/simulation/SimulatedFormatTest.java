package dev.whittle.simulation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SimulatedFormatTest {
  private static final float[] E2M1 = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};

  @Test
  void mxfp4HasTheLevelsOfE2m1TimesAPowerOfTwo() {
    float[] row = new float[32];
    for (int i = 0; i < E2M1.length; i++) {
      row[i] = E2M1[i] / 8;
      row[i + E2M1.length] = -E2M1[i] / 8;
    }
    float[] rounded = row.clone();
    SimulatedFormat.MXFP4.round(rounded, 1);
    assertArrayEquals(row, rounded);
    // Ties go to even mantissas, what lies between 6 and 8 is clipped, small values become zero.
    float[] between = {7.9f, 2.5f, 5, 1.25f, 0.25f, 0.2f, 0.3f, -3.5f};
    SimulatedFormat.MXFP4.round(between, 1);
    assertArrayEquals(new float[] {6, 2, 4, 1, 0, 0, 0.5f, -4}, between);
  }

  @Test
  void threeQuartersKeepTheGreatestFromBeingClipped() {
    float[] row = {7.9f};
    SimulatedFormat.MXFP4.round(row, 0.75);
    assertEquals(8, row[0], 1e-6);
  }

  @Test
  void integersAreExactOnTheirGridAndKeepZero() {
    float[] row = new float[256];
    for (int i = 0; i < row.length; i++) {
      row[i] = 0.25f * (i * 5 % 8 - 2);
    }
    float[] rounded = row.clone();
    SimulatedFormat.INT3_G128.round(rounded, 1);
    assertArrayEquals(row, rounded);
    float[] positive = {1, 2, 3, 0};
    SimulatedFormat.INT2_G128.round(positive, 1);
    assertEquals(0, positive[3]);
  }

  @ParameterizedTest
  @EnumSource
  void whatIsRoundedStaysAsItIs(SimulatedFormat format) {
    float[] once = random();
    format.round(once, 1);
    float[] twice = once.clone();
    format.round(twice, 1);
    assertArrayEquals(once, twice);
    float[] zeros = new float[40];
    format.round(zeros, 1);
    assertArrayEquals(new float[40], zeros);
  }

  @Test
  void moreBitsAreCloser() {
    assertTrue(error(SimulatedFormat.INT2_G128) > 2 * error(SimulatedFormat.INT3_G128));
    assertTrue(error(SimulatedFormat.INT3_G128) > 2 * error(SimulatedFormat.INT4_G128));
    assertTrue(error(SimulatedFormat.MXFP4) > 2 * error(SimulatedFormat.MXFP6));
    assertTrue(error(SimulatedFormat.MXFP6) > error(SimulatedFormat.MXFP8));
  }

  private static double error(SimulatedFormat format) {
    float[] row = random();
    float[] rounded = row.clone();
    format.round(rounded, 1);
    return squaredError(row, rounded);
  }

  private static float[] random() {
    Random random = new Random(4);
    float[] row = new float[1024];
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) random.nextGaussian();
    }
    return row;
  }

  private static double squaredError(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(strings = {"mxfp4", "mxfp4@0.75", "mxfp6@search", "int2-g128"})
  void simulationsReadWhatTheyWrite(String text) {
    assertEquals(text, Simulation.parse(text).toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"mxfp5", "mxfp4@2", "mxfp4@x", "mxfp4@0", "int2-g128@0.75"})
  void whatIsNoSimulationIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> Simulation.parse(text));
  }
}
