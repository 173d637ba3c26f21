package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class GreatestTest {
  private static final float NAN = Float.NaN;
  private static final float MINUS_INFINITY = Float.NEGATIVE_INFINITY;

  private static int indexIn(float... values) {
    try (Arena arena = Arena.ofConfined()) {
      return new Greatest().indexIn(arena.allocateFrom(ValueLayout.JAVA_FLOAT, values));
    }
  }

  /// As a loop without tricks has it.
  private static int plainly(float[] values) {
    int best = -1;
    float greatest = MINUS_INFINITY;
    for (int i = 0; i < values.length; i++) {
      if (values[i] > greatest) {
        greatest = values[i];
        best = i;
      }
    }
    return best;
  }

  @Test
  void findsWhatAPlainLoopFinds() {
    SplittableRandom random = new SplittableRandom(3);
    for (int length : new int[] {1, 7, 1023, 1024, 1025, 5000}) {
      for (int round = 0; round < 50; round++) {
        // Few different values, so that many are equal; some of them not numbers.
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
          values[i] = random.nextInt(100) == 0 ? NAN : random.nextInt(-round - 1, round + 1);
        }
        assertEquals(plainly(values), indexIn(values));
      }
    }
  }

  @Test
  void ofEqualsTheFirstIsFound() {
    float[] values = new float[3000];
    values[1500] = 2;
    values[2999] = 2;
    assertEquals(1500, indexIn(values));
    // Both zeros are equal.
    assertEquals(0, indexIn(-0f, 0f));
  }

  @Test
  void whereNothingIsANumberThereIsNone() {
    assertEquals(-1, indexIn(NAN, MINUS_INFINITY, NAN));
    assertEquals(-1, indexIn());
  }

  private static boolean haveSoftmax(float... values) {
    try (Arena arena = Arena.ofConfined()) {
      return new Greatest().haveSoftmax(arena.allocateFrom(ValueLayout.JAVA_FLOAT, values));
    }
  }

  @Test
  void onlyNumbersHaveASoftmax() {
    float[] values = new float[3000];
    assertTrue(haveSoftmax(values));
    assertTrue(haveSoftmax(MINUS_INFINITY, -0f, MINUS_INFINITY, -Float.MAX_VALUE));
    assertFalse(haveSoftmax(MINUS_INFINITY, MINUS_INFINITY));
    assertFalse(haveSoftmax());
    // What processors make of 0 / 0 has its sign set, and Java's own has not.
    for (float bad :
        new float[] {NAN, Float.intBitsToFloat(0xffc0_0000), Float.POSITIVE_INFINITY}) {
      for (int place : new int[] {0, 1023, 2999}) {
        values[place] = bad;
        assertFalse(haveSoftmax(values));
        values[place] = 0;
      }
    }
  }
}
