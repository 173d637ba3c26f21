package dev.whittle.quantization;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// An encoder for a type with one float16 scale a block and a handful of levels, which chooses the
/// scale for the least (importance-weighted) squared error.
///
/// ggml's encoders for these types take the greatest magnitude of the block as the scale, and so
/// round most of a bell-shaped block to zero. The error here is never above theirs.
abstract sealed class FittedEncoder implements BlockEncoder permits TernaryEncoder, TwoBitEncoder {
  private static final int MAGNITUDE = 0x7fff_ffff;

  /// No scale is above the greatest magnitude, and float16 rounds scales up to here to zero.
  private static final float VANISHING = 0x1p-25f;

  private static final float GREATEST_SCALE = 65504;

  private final GgmlType type;

  FittedEncoder(GgmlType type) {
    this.type = type;
  }

  @Override
  public final GgmlType type() {
    return type;
  }

  @Override
  public final void encode(
      MemorySegment src,
      MemorySegment dst,
      long rows,
      long rowLength,
      float @Nullable [] importance) {
    long rowBytes = type.rowBytes(rowLength);
    int columns = Math.toIntExact(rowLength);
    require(src, Math.multiplyExact(rows, rowLength * Float.BYTES), "the float32 rows");
    require(dst, Math.multiplyExact(rows, rowBytes), "the encoded rows");
    if (importance != null) {
      BlockCodec.requireImportance(importance, rowLength);
    }
    int size = type.blockSize();
    Fit fit = newFit();
    float[] values = new float[size];
    float[] weights = new float[size];
    Arrays.fill(weights, 1);
    byte[] bytes = new byte[type.blockBytes()];
    for (long row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column += size) {
        long start = row * rowLength + column;
        MemorySegment.copy(
            src, ValueLayout.JAVA_FLOAT_UNALIGNED, start * Float.BYTES, values, 0, size);
        if (importance != null) {
          System.arraycopy(importance, column, weights, 0, size);
        }
        float greatest = greatestMagnitude(values);
        if (!Float.isFinite(greatest)) {
          throw notFinite(values, row, column);
        }
        short scale = greatest <= VANISHING ? 0 : fit.scale(values, weights, greatest);
        pack(values, scale, bytes);
        MemorySegment.copy(
            bytes, 0, dst, ValueLayout.JAVA_BYTE, start / size * bytes.length, bytes.length);
      }
    }
  }

  /// A search for one thread, with its own scratch memory.
  abstract Fit newFit();

  /// Rounds each value to the nearest level and lays the block out as ggml does.
  ///
  /// @param scale a float16
  abstract void pack(float[] values, short scale, byte[] block);

  /// Chooses scales.
  interface Fit {
    /// The scale of one block, as a float16.
    ///
    /// @param greatest the greatest magnitude among the values
    short scale(float[] values, float[] weights, float greatest);
  }

  /// The float16 nearest to a scale, which is the best one for given levels: the error is a
  /// parabola of the scale.
  static short roundScale(double scale) {
    float clamped = (float) Math.clamp(scale, -GREATEST_SCALE, GREATEST_SCALE);
    return Float.floatToFloat16(clamped);
  }

  private static void require(MemorySegment segment, long bytes, String what) {
    if (bytes < 0 || segment.byteSize() < bytes) {
      throw new IllegalArgumentException(
          what + " need " + bytes + " bytes, but the segment has " + segment.byteSize());
    }
  }

  /// Compares bits, which order as magnitudes do, so that the loop vectorizes.
  private static float greatestMagnitude(float[] values) {
    int greatest = 0;
    for (int i = 0; i < values.length; i++) {
      greatest = Math.max(greatest, Float.floatToRawIntBits(values[i]) & MAGNITUDE);
    }
    return Float.intBitsToFloat(greatest);
  }

  private static IllegalArgumentException notFinite(float[] values, long row, int column) {
    int i = 0;
    while (Float.isFinite(values[i])) {
      i++;
    }
    return new IllegalArgumentException(
        "row " + row + ", column " + (column + i) + " is " + values[i]);
  }
}
