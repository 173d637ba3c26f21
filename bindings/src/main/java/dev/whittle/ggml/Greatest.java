package dev.whittle.ggml;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Finds the greatest of many numbers in native memory, piece by piece in an array, which stays in
/// the fastest cache.
///
/// First for each piece whether it is in there at all, by comparing the bits of the numbers as
/// integers: that is all vector instructions, unlike the search for a place, and unlike a maximum
/// by Java's rules for floating-point numbers.
///
/// Not for several threads at once.
final class Greatest {
  private static final int PIECE = 1024;

  // As keys.
  private static final int INFINITY = key(0x7f80_0000);
  private static final int NEGATIVE_INFINITY = key(0xff80_0000);

  private final int[] piece = new int[PIECE];

  /// The place of the greatest value, the first of equals; −1 if there is none that is a number
  /// above negative infinity. What is not a number is passed over.
  ///
  /// @param values F32
  int indexIn(MemorySegment values) {
    int count = Math.toIntExact(values.byteSize() / Float.BYTES);
    int best = -1;
    float greatest = Float.NEGATIVE_INFINITY;
    for (int start = 0; start < count; start += PIECE) {
      int length = read(values, start, count);
      if (greatestKey(length) > key(Float.floatToRawIntBits(greatest))) {
        for (int i = 0; i < length; i++) {
          float value = Float.intBitsToFloat(piece[i]);
          if (value > greatest) {
            greatest = value;
            best = start + i;
          }
        }
      }
    }
    return best;
  }

  /// Whether the values have a softmax: all are numbers, and the greatest is finite. Negative
  /// infinity is a number, of which a probability of zero comes.
  ///
  /// @param values F32
  boolean haveSoftmax(MemorySegment values) {
    int count = Math.toIntExact(values.byteSize() / Float.BYTES);
    int greatest = NEGATIVE_INFINITY;
    int least = INFINITY;
    for (int start = 0; start < count; start += PIECE) {
      int length = read(values, start, count);
      for (int i = 0; i < length; i++) {
        int key = key(piece[i]);
        greatest = Math.max(greatest, key);
        least = Math.min(least, key);
      }
    }
    return least >= NEGATIVE_INFINITY && greatest > NEGATIVE_INFINITY && greatest < INFINITY;
  }

  /// Reads the next piece, and returns how long it is.
  private int read(MemorySegment values, int start, int count) {
    int length = Math.min(PIECE, count - start);
    MemorySegment.copy(values, ValueLayout.JAVA_INT, (long) start * Float.BYTES, piece, 0, length);
    return length;
  }

  private int greatestKey(int length) {
    int greatest = Integer.MIN_VALUE;
    for (int i = 0; i < length; i++) {
      greatest = Math.max(greatest, key(piece[i]));
    }
    return greatest;
  }

  /// An integer that orders as the number does: of a negative one all bits but the sign are turned
  /// round. What is not a number lies beyond the infinities.
  private static int key(int bits) {
    return bits ^ ((bits >> 31) & Integer.MAX_VALUE);
  }
}
