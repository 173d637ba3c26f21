package dev.whittle.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class WeightDataTest {

  @Test
  void roundsToTheNearestBf16AndTiesToEven() {
    Random random = new Random(1);
    for (int i = 0; i < 100_000; i++) {
      int bits = random.nextInt();
      // Halfway between two, every fourth time.
      float value = Float.intBitsToFloat(i % 4 == 0 ? bits & 0xFFFF0000 | 0x8000 : bits);
      if (Float.isFinite(value)) {
        assertEquals(nearest(value), WeightData.toBf16(value), () -> "of " + value);
      }
    }
  }

  /// Compares the distances to the values below and above in double, which holds them exactly.
  private static short nearest(float value) {
    int below = Float.floatToRawIntBits(value) >>> 16;
    double low = Float.intBitsToFloat(below << 16);
    // The one above the largest is where infinity would be if it were a number.
    float next = Float.intBitsToFloat((below + 1) << 16);
    double high = Float.isInfinite(next) ? Math.copySign(0x1p128, value) : next;
    double toLow = Math.abs(value - low);
    double toHigh = Math.abs(high - value);
    boolean up = toHigh < toLow || toHigh == toLow && (below & 1) == 1;
    return (short) (up ? below + 1 : below);
  }

  @Test
  void keepsInfinitiesAndNaN() {
    assertEquals((short) 0x7F80, WeightData.toBf16(Float.POSITIVE_INFINITY));
    assertEquals((short) 0xFF80, WeightData.toBf16(Float.NEGATIVE_INFINITY));
    // A NaN whose payload is in the bits that are dropped.
    short nan = WeightData.toBf16(Float.intBitsToFloat(0x7F800001));
    assertTrue(Float.isNaN(Float.intBitsToFloat(nan << 16)));
  }
}
