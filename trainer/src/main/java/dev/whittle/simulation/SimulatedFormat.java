package dev.whittle.simulation;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/// A format whose values float32 holds, with one scale for some neighbouring values.
public enum SimulatedFormat {
  /// Integers of 2 bits with a scale and a zero point for 128 values.
  INT2_G128(2),
  /// Integers of 3 bits with a scale and a zero point for 128 values.
  INT3_G128(3),
  /// Integers of 4 bits with a scale and a zero point for 128 values.
  INT4_G128(4),
  /// E2M1 with a power of two for 32 values (OCP Microscaling Formats 1.0).
  MXFP4(4, new Minifloat(1, 0, 6)),
  /// E2M3 with a power of two for 32 values.
  MXFP6(6, new Minifloat(3, 0, 7.5f)),
  /// E4M3 with a power of two for 32 values.
  MXFP8(8, new Minifloat(3, -6, 448));

  private static final int INTEGER_GROUP = 128;
  private static final int MICROSCALING_GROUP = 32;
  private static final int LEAST_SCALE = -127;

  private final int bits;
  private final Optional<Minifloat> minifloat;

  SimulatedFormat(int bits) {
    this.bits = bits;
    this.minifloat = Optional.empty();
  }

  SimulatedFormat(int bits, Minifloat minifloat) {
    this.bits = bits;
    this.minifloat = Optional.of(minifloat);
  }

  /// A number of few bits without infinities, rounded to nearest, ties to even, and saturating.
  ///
  /// @param mantissa its bits, without the leading one
  /// @param leastExponent that of the smallest normal number
  /// @param greatest the greatest value
  private record Minifloat(int mantissa, int leastExponent, float greatest) {
    float round(float value) {
      int exponent = Math.max(leastExponent, Math.getExponent(value));
      float step = Math.scalb(1f, exponent - mantissa);
      return Math.clamp((float) Math.rint(value / step) * step, -greatest, greatest);
    }

    /// The exponent of the greatest value.
    int greatestExponent() {
      return Math.getExponent(greatest);
    }
  }

  /// How many values share a scale.
  public int groupSize() {
    return minifloat.isPresent() ? MICROSCALING_GROUP : INTEGER_GROUP;
  }

  /// What a value would take, with its share of the scale: 8 bits for a power of two, 16 for the
  /// scale of integers, and a zero point of their own size.
  public double bitsPerWeight() {
    double shared = minifloat.isPresent() ? 8 : 16 + bits;
    return bits + shared / groupSize();
  }

  /// Whether values can be scaled before they are rounded.
  public boolean takesPreScale() {
    return minifloat.isPresent();
  }

  /// Rounds a row in place.
  ///
  /// @param preScale what values are multiplied with between their scale, which comes from the
  ///   values as they are, and rounding, and divided by behind that. The floor of the logarithm
  ///   that is a microscaling scale leaves the greatest value of a block anywhere in [1, 2) times
  ///   the greatest power of two, of which E2M1 reaches 1.5: at 1, a part of the blocks is clipped;
  ///   at 3/4, none (arXiv 2601.09555). 1 for formats that do not take one
  public void round(float[] row, double preScale) {
    for (int start = 0; start < row.length; start += groupSize()) {
      int end = Math.min(row.length, start + groupSize());
      if (minifloat.isPresent()) {
        roundBlock(minifloat.get(), row, start, end, (float) preScale);
      } else {
        roundIntegers(row, start, end);
      }
    }
  }

  private static void roundBlock(
      Minifloat format, float[] row, int start, int end, float preScale) {
    float greatest = 0;
    for (int i = start; i < end; i++) {
      greatest = Math.max(greatest, Math.abs(row[i]));
    }
    if (greatest == 0) {
      return;
    }
    int exponent = Math.max(LEAST_SCALE, Math.getExponent(greatest) - format.greatestExponent());
    float scale = Math.scalb(1f, exponent) / preScale;
    for (int i = start; i < end; i++) {
      row[i] = format.round(row[i] / scale) * scale;
    }
  }

  /// As GPTQ and AWQ do: the range is widened to hold zero, which is a level.
  private void roundIntegers(float[] row, int start, int end) {
    float least = 0;
    float greatest = 0;
    for (int i = start; i < end; i++) {
      least = Math.min(least, row[i]);
      greatest = Math.max(greatest, row[i]);
    }
    int levels = (1 << bits) - 1;
    float scale = Float.float16ToFloat(Float.floatToFloat16((greatest - least) / levels));
    if (scale == 0) {
      Arrays.fill(row, start, end, 0);
      return;
    }
    float zero = Math.round(-least / scale);
    for (int i = start; i < end; i++) {
      float level = Math.clamp(Math.round(row[i] / scale) + zero, 0, levels);
      row[i] = (level - zero) * scale;
    }
  }

  /// The format of this name, in upper or lower case, such as `mxfp4` or `int3-g128`.
  public static Optional<SimulatedFormat> ofName(String name) {
    return Arrays.stream(values())
        .filter(format -> format.toString().equalsIgnoreCase(name))
        .findFirst();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
