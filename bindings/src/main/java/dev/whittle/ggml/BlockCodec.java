package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_to_float_t;
import dev.whittle.ffi.ggml_type_traits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// ggml's own encoder and decoder of one element type: float32 rows to blocks and back, bit for bit
/// what `llama-quantize` writes and what inference reads.
///
/// Nothing is copied: both sides are segments of native memory. A codec has no state, and ggml
/// guards the tables that it builds on first use, so any number of threads may encode and decode at
/// once. Rows are independent of each other: however they are split, the bytes are the same.
public final class BlockCodec {
  /// The generation of the block formats (`GGML_QNT_VERSION`), which a file has as
  /// `general.quantization_version`.
  public static final int QUANTIZATION_VERSION = 2;

  /// Some of ggml's encoders and decoders count with 32-bit integers inside one call.
  private static final long MAX_ELEMENTS_PER_CALL = 1L << 28;

  /// No block type has a scale for values beyond this one: 65504, the greatest float16, times the
  /// most that Q6_K multiplies it with, and then some.
  public static final float GREATEST_VALUE = 0x1p28f;

  /// ggml squares sums of importance times value times level, in single precision.
  private static final double GREATEST_WEIGHTED_SQUARE = 0x1p52;

  private static final int MAGNITUDE = 0x7fff_ffff;
  private static final int INFINITY = 0x7f80_0000;

  private final GgmlType type;
  private final MemorySegment toFloat;

  private BlockCodec(GgmlType type, MemorySegment toFloat) {
    this.type = type;
    this.toFloat = toFloat;
  }

  /// The codec of a type that can hold weights.
  ///
  /// @throws IllegalArgumentException if the type is one of the integer or activation types
  public static BlockCodec of(GgmlType type) {
    if (!type.isWeightType()) {
      throw new IllegalArgumentException(type + " cannot hold weights");
    }
    NativeRuntime.load();
    MemorySegment traits =
        Llama.ggml_get_type_traits(type.id()).reinterpret(ggml_type_traits.sizeof());
    return new BlockCodec(type, ggml_type_traits.to_float(traits));
  }

  /// The type that this codec reads and writes.
  public GgmlType type() {
    return type;
  }

  /// Encodes rows (`ggml_quantize_chunk`).
  ///
  /// @param src float32 values, [rows, rowLength], in native memory
  /// @param dst room for `rows * type().rowBytes(rowLength)` bytes, in native memory
  /// @param importance [rowLength], how much the squared error of each column counts; null for
  ///   equal weights. Types that do not use it ignore it.
  /// @throws IllegalArgumentException if a size does not fit, if the type needs an importance that
  ///   is not given, or if a value or an importance is not finite, or too large for the type
  public void encode(
      MemorySegment src,
      MemorySegment dst,
      long rows,
      long rowLength,
      float @Nullable [] importance) {
    if (rows < 0 || rowLength < 1) {
      throw new IllegalArgumentException(rows + " rows of " + rowLength + " values are no matrix");
    }
    long elements = Math.multiplyExact(rows, rowLength);
    requireNative(src, Math.multiplyExact(elements, Float.BYTES), "the float32 rows");
    requireNative(dst, Math.multiplyExact(rows, type.rowBytes(rowLength)), "the encoded rows");
    float greatest = requireFinite(src, elements, rowLength);
    if (type.isQuantized() && greatest > GREATEST_VALUE) {
      throw new IllegalArgumentException(greatest + " is too large for the scales of " + type);
    }
    if (importance == null) {
      if (type.requiresImportance()) {
        throw new IllegalArgumentException(
            type + " cannot be encoded without an importance matrix");
      }
      quantize(src, dst, rows, rowLength, MemorySegment.NULL);
      return;
    }
    requireNoOverflow(greatest, requireImportance(importance, rowLength));
    try (Arena arena = Arena.ofConfined()) {
      quantize(src, dst, rows, rowLength, arena.allocateFrom(ValueLayout.JAVA_FLOAT, importance));
    }
  }

  /// Some types abort the process where their sums overflow, and the others encode nonsense.
  private void requireNoOverflow(float greatest, float greatestImportance) {
    if (type.isQuantized()
        && (double) greatest * greatest * greatestImportance > GREATEST_WEIGHTED_SQUARE) {
      throw new IllegalArgumentException(
          "values of up to "
              + greatest
              + " with an importance of up to "
              + greatestImportance
              + " overflow ggml's sums; scale the importance down");
    }
  }

  private void quantize(
      MemorySegment src, MemorySegment dst, long rows, long rowLength, MemorySegment importance) {
    long rowsPerCall = Math.max(1, MAX_ELEMENTS_PER_CALL / rowLength);
    for (long row = 0; row < rows; row += rowsPerCall) {
      Llama.ggml_quantize_chunk(
          type.id(),
          src.asSlice(row * rowLength * Float.BYTES),
          dst.asSlice(row * type.rowBytes(rowLength)),
          0,
          Math.min(rows - row, rowsPerCall),
          rowLength,
          importance);
    }
  }

  /// Decodes elements (`to_float` of `ggml_get_type_traits`).
  ///
  /// @param src the encoded elements, in native memory
  /// @param dst room for `elements` float32 values, in native memory
  /// @param elements a whole number of blocks
  /// @throws IllegalArgumentException if a size does not fit
  public void decode(MemorySegment src, MemorySegment dst, long elements) {
    requireNative(src, type.rowBytes(elements), "the encoded elements");
    requireNative(dst, Math.multiplyExact(elements, Float.BYTES), "the float32 values");
    if (type == GgmlType.F32) {
      MemorySegment.copy(src, 0, dst, 0, elements * Float.BYTES);
      return;
    }
    for (long done = 0; done < elements; done += MAX_ELEMENTS_PER_CALL) {
      long count = Math.min(elements - done, MAX_ELEMENTS_PER_CALL);
      ggml_to_float_t.invoke(
          toFloat, src.asSlice(type.rowBytes(done)), dst.asSlice(done * Float.BYTES), count);
    }
  }

  private static void requireNative(MemorySegment segment, long bytes, String what) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException(what + " must be in native memory");
    }
    if (segment.byteSize() < bytes) {
      throw new IllegalArgumentException(
          what + " need " + bytes + " bytes, but the segment has " + segment.byteSize());
    }
  }

  /// ggml does not check its input: some types would abort the process over a NaN.
  ///
  /// @return the greatest magnitude
  private static float requireFinite(MemorySegment src, long elements, long rowLength) {
    int greatest = 0;
    for (long start = 0; start < elements; start += MAX_ELEMENTS_PER_CALL) {
      int count = (int) Math.min(elements - start, MAX_ELEMENTS_PER_CALL);
      greatest = Math.max(greatest, greatestMagnitude(src.asSlice(start * Float.BYTES), count));
      if (greatest >= INFINITY) {
        throw new IllegalArgumentException(describeNonFinite(src, start, rowLength));
      }
    }
    return Float.intBitsToFloat(greatest);
  }

  /// The greatest absolute value, as the bits of a float32: they order as the values do, with
  /// infinity and the NaNs on top. Whole numbers let the compiler vectorize the loop.
  private static int greatestMagnitude(MemorySegment values, int count) {
    int greatest = 0;
    for (int i = 0; i < count; i++) {
      int bits = values.get(ValueLayout.JAVA_INT_UNALIGNED, (long) i * Float.BYTES);
      greatest = Math.max(greatest, bits & MAGNITUDE);
    }
    return greatest;
  }

  private static String describeNonFinite(MemorySegment src, long start, long rowLength) {
    long i = start;
    while (Float.isFinite(src.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * Float.BYTES))) {
      i++;
    }
    float value = src.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * Float.BYTES);
    return "row " + i / rowLength + ", column " + i % rowLength + " is " + value;
  }

  /// Refuses an importance that cannot be used.
  ///
  /// @return the greatest
  /// @throws IllegalArgumentException if it has not one value for each column, or one that is
  ///   negative or not finite
  public static float requireImportance(float[] importance, long rowLength) {
    if (importance.length != rowLength) {
      throw new IllegalArgumentException(
          "the importance has " + importance.length + " values for rows of " + rowLength);
    }
    float greatest = 0;
    for (int i = 0; i < importance.length; i++) {
      if (!(importance[i] >= 0 && importance[i] < Float.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "the importance of column " + i + " is " + importance[i]);
      }
      greatest = Math.max(greatest, importance[i]);
    }
    return greatest;
  }
}
