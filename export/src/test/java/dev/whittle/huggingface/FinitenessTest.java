package dev.whittle.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FinitenessTest {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  @Test
  void tellsEveryHalfApart() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      MemorySegment one = MemorySegment.ofArray(new byte[Short.BYTES]);
      one.set(SHORT, 0, (short) bits);
      String message = Integer.toHexString(bits);
      assertEquals(
          Float.isFinite(Float.float16ToFloat((short) bits)),
          Finiteness.isFinite(one, GgmlType.F16),
          message);
      assertEquals(
          Float.isFinite(Float.intBitsToFloat(bits << 16)),
          Finiteness.isFinite(one, GgmlType.BF16),
          message);
    }
  }

  /// Among any neighbours, wherever it is, with a rest behind whole longs.
  @Test
  void findsOneAmongMany() {
    Random random = new Random(1);
    MemorySegment many = MemorySegment.ofArray(new byte[45 * Float.BYTES]);
    for (int place = 0; place < 45; place++) {
      for (int i = 0; i < 45; i++) {
        // Every exponent but the greatest.
        many.set(
            INT, 4L * i, random.nextInt() & (random.nextBoolean() ? 0xBF7F_FFFF : 0xFF7F_FFFF));
      }
      assertTrue(Finiteness.isFinite(many, GgmlType.F32));
      many.set(INT, 4L * place, random.nextInt() | 0x7F80_0000);
      assertFalse(Finiteness.isFinite(many, GgmlType.F32), "at " + place);
    }
  }
}
