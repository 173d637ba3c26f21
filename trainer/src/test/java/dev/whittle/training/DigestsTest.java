package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DigestsTest {
  private static final MemorySegment DIGITS =
      MemorySegment.ofArray("123456789".getBytes(StandardCharsets.US_ASCII));

  @Test
  void crc16IsThatOfXmodem() {
    assertEquals(0x31c3, Digests.crc16(DIGITS));
  }

  @Test
  void sha256IsTheStandardOne() {
    assertEquals(
        "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225", Digests.sha256(DIGITS));
  }

  @Test
  void everyChangedByteChangesTheCrc() {
    byte[] bytes = new byte[300];
    new Random(1).nextBytes(bytes);
    int before = Digests.crc16(MemorySegment.ofArray(bytes));
    for (int i = 0; i < bytes.length; i++) {
      for (int flip = 1; flip < 256; flip++) {
        bytes[i] ^= (byte) flip;
        assertNotEquals(before, Digests.crc16(MemorySegment.ofArray(bytes)));
        bytes[i] ^= (byte) flip;
      }
    }
  }
}
