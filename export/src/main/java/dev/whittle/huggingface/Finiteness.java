package dev.whittle.huggingface;

import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Whether all of many elements are finite, as fast as they are read: several of them at a time, as
/// the lanes of a long.
///
/// An element is infinite or NaN if all bits of its exponent are set. With these bits turned and
/// all others zero, x, such a lane is 0. Then and only then has 2ⁿ⁻¹ − x its highest bit; no lane
/// borrows from the next, since x is less than 2ⁿ⁻¹.
final class Finiteness {
  private static final ValueLayout.OfLong LANES =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final long HALF_LANES = 0x0001_0001_0001_0001L;
  private static final long FLOAT_LANES = 0x0000_0001_0000_0001L;

  private Finiteness() {}

  /// @param elements little-endian
  /// @param type F32, F16 or BF16
  static boolean isFinite(MemorySegment elements, GgmlType type) {
    return switch (type) {
      case F32 -> isFinite(elements, FLOAT_LANES << 31, FLOAT_LANES * 0x7F80_0000L);
      case F16 -> isFinite(elements, HALF_LANES << 15, HALF_LANES * 0x7C00);
      case BF16 -> isFinite(elements, HALF_LANES << 15, HALF_LANES * 0x7F80);
      default -> throw new IllegalArgumentException("elements of type " + type);
    };
  }

  private static boolean isFinite(MemorySegment elements, long highest, long exponents) {
    long whole = elements.byteSize() / Long.BYTES * Long.BYTES;
    long found = 0;
    for (long i = 0; i < whole; i += Long.BYTES) {
      found |= highest - (~elements.get(LANES, i) & exponents);
    }
    // Zeros, which are finite, behind what is left.
    MemorySegment last = MemorySegment.ofArray(new byte[Long.BYTES]);
    last.copyFrom(elements.asSlice(whole));
    found |= highest - (~last.get(LANES, 0) & exponents);
    return (found & highest) == 0;
  }
}
