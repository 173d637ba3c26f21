package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class BlockCodecTest {
  private static final int ROWS = 6;
  private static final int ROW_LENGTH = 512;

  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      mode = EnumSource.Mode.EXCLUDE,
      // ggml takes ten seconds to build the tables of these.
      names = {"IQ1_S", "IQ1_M", "IQ2_XS", "IQ2_S"})
  void decodesWhatItEncodedCloseToTheOriginal(GgmlType type) {
    if (!type.isWeightType()) {
      assertThrows(IllegalArgumentException.class, () -> BlockCodec.of(type));
      return;
    }
    BlockCodec codec = BlockCodec.of(type);
    float[] values = gaussian(ROWS * ROW_LENGTH, 7);
    float[] decoded = decode(codec, encode(codec, values, ones()), values.length);
    double error = 0;
    double energy = 0;
    for (int i = 0; i < values.length; i++) {
      error += Math.pow(values[i] - decoded[i], 2);
      energy += Math.pow(values[i], 2);
    }
    // Types that take the block's maximum as their only scale lose most of a Gaussian row; the
    // others keep more, the more bits they have. Rate-distortion theory puts the floor at 4^-bits.
    boolean maximumAsScale =
        switch (type) {
          case TQ1_0, TQ2_0, Q2_0 -> true;
          default -> false;
        };
    double bound = maximumAsScale ? 0.9 : 8 * Math.pow(4, -Math.min(type.bitsPerWeight(), 8));
    assertTrue(error / energy < bound, type + " loses " + error / energy + " of the energy");
  }

  @Test
  void plainTypesRoundToTheNearestEven() {
    float[] values = gaussian(ROWS * ROW_LENGTH, 8);
    assertArrayEquals(values, roundTrip(GgmlType.F32, values));

    float[] halves = values.clone();
    float[] brains = values.clone();
    for (int i = 0; i < values.length; i++) {
      halves[i] = Float.float16ToFloat(Float.floatToFloat16(values[i]));
      int bits = Float.floatToRawIntBits(values[i]);
      brains[i] = Float.intBitsToFloat((bits + 0x7fff + (bits >>> 16 & 1)) & 0xffff_0000);
    }
    assertArrayEquals(halves, roundTrip(GgmlType.F16, values));
    assertArrayEquals(brains, roundTrip(GgmlType.BF16, values));
  }

  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      names = {"Q4_0", "Q2_K", "IQ3_XXS", "TQ2_0"})
  void rowRangesOnSeveralThreadsGiveTheSameBytes(GgmlType type) throws Exception {
    BlockCodec codec = BlockCodec.of(type);
    float[] values = gaussian(ROWS * ROW_LENGTH, 9);
    float[] importance = importance(10);
    byte[] whole = encode(codec, values, importance);

    long rowBytes = type.rowBytes(ROW_LENGTH);
    try (Arena arena = Arena.ofShared();
        var threads = Executors.newFixedThreadPool(3)) {
      MemorySegment src = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
      MemorySegment dst = arena.allocate(whole.length);
      var tasks =
          IntStream.range(0, ROWS)
              .<Callable<Void>>mapToObj(row ->
                  () -> {
                    codec.encode(
                        src.asSlice((long) row * ROW_LENGTH * Float.BYTES),
                        dst.asSlice(row * rowBytes),
                        1,
                        ROW_LENGTH,
                        importance);
                    return null;
                  })
              .toList();
      for (var done : threads.invokeAll(tasks)) {
        done.get();
      }
      assertArrayEquals(whole, dst.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @Test
  void importanceChangesTheBytes() {
    BlockCodec codec = BlockCodec.of(GgmlType.Q2_K);
    float[] values = gaussian(ROWS * ROW_LENGTH, 11);
    assertTrue(
        Arrays.mismatch(encode(codec, values, null), encode(codec, values, importance(12))) >= 0);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void namesTheValueThatIsNotFinite(float bad) {
    float[] values = gaussian(ROWS * ROW_LENGTH, 13);
    values[2 * ROW_LENGTH + 5] = bad;
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> encode(BlockCodec.of(GgmlType.IQ2_XXS), values, ones()));
    assertEquals("row 2, column 5 is " + bad, e.getMessage());
  }

  @Test
  void refusesWhatGgmlWouldAbortFor() {
    BlockCodec codec = BlockCodec.of(GgmlType.IQ2_XXS);
    float[] values = gaussian(ROW_LENGTH, 14);
    refused("cannot be encoded without an importance matrix", () -> encode(codec, values, null));
    refused("has 3 values for rows of 512", () -> encode(codec, values, new float[3]));
    float[] negative = ones();
    negative[17] = -1;
    refused("importance of column 17 is -1.0", () -> encode(codec, values, negative));
    float[] vast = values.clone();
    vast[3] = 1e9f;
    refused("1.0E9 is too large for the scales of IQ2_XXS", () -> encode(codec, vast, ones()));
    float[] heavy = ones();
    heavy[17] = 1e30f;
    refused("importance of up to 1.0E30 overflow", () -> encode(codec, values, heavy));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment src = arena.allocate(ROW_LENGTH * Float.BYTES);
      MemorySegment dst = arena.allocate(132);
      refused("need 2048 bytes", () -> codec.encode(src.asSlice(4), dst, 1, 512, ones()));
      refused("need 132 bytes", () -> codec.encode(src, dst.asSlice(2), 1, 512, ones()));
      refused("not a whole number", () -> codec.encode(src, dst, 1, 500, null));
      refused("no matrix", () -> codec.encode(src, dst, -1, 512, ones()));
      refused("not a whole number", () -> codec.decode(dst, src, 500));
      refused("need 2048 bytes", () -> codec.decode(dst, src.asSlice(4), 512));
      MemorySegment heap = MemorySegment.ofArray(values);
      refused("must be in native memory", () -> codec.encode(heap, dst, 1, 512, ones()));
    }
  }

  private static void refused(String why, Runnable encode) {
    var e = assertThrows(IllegalArgumentException.class, encode::run);
    assertTrue(e.getMessage().contains(why), e.getMessage());
  }

  private static float[] roundTrip(GgmlType type, float[] values) {
    BlockCodec codec = BlockCodec.of(type);
    return decode(codec, encode(codec, values, null), values.length);
  }

  private static byte[] encode(BlockCodec codec, float[] values, float[] importance) {
    try (Arena arena = Arena.ofConfined()) {
      long rows = values.length / ROW_LENGTH;
      MemorySegment dst = arena.allocate(rows * codec.type().rowBytes(ROW_LENGTH));
      codec.encode(
          arena.allocateFrom(ValueLayout.JAVA_FLOAT, values), dst, rows, ROW_LENGTH, importance);
      return dst.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static float[] decode(BlockCodec codec, byte[] blocks, int elements) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment dst = arena.allocate((long) elements * Float.BYTES, Float.BYTES);
      codec.decode(arena.allocateFrom(ValueLayout.JAVA_BYTE, blocks), dst, elements);
      return dst.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  private static float[] gaussian(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static float[] ones() {
    float[] ones = new float[ROW_LENGTH];
    Arrays.fill(ones, 1);
    return ones;
  }

  private static float[] importance(long seed) {
    float[] values = gaussian(ROW_LENGTH, seed);
    for (int i = 0; i < values.length; i++) {
      values[i] *= values[i];
    }
    return values;
  }
}
