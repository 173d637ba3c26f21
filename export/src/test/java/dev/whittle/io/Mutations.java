package dev.whittle.io;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/// Damages files in the ways that bad disks, broken downloads and bad people do. Seeded.
public final class Mutations {
  private static final long[] LIES = {
    0,
    1,
    -1,
    2,
    255,
    65_536,
    Integer.MAX_VALUE,
    1L << 31,
    1L << 32,
    1L << 40,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    Long.MAX_VALUE - 7,
    -8
  };

  private static final Pattern JSON_SCALAR =
      Pattern.compile("-?[0-9][-+.eE0-9]*|\"(?:[^\"\\\\]|\\\\.)*\"|true|false|null");

  private static final List<String> JSON_VALUES =
      List.of(
          "0",
          "1",
          "-1",
          "2147483648",
          "9223372036854775807",
          "-9223372036854775808",
          "123456789012345678901234567890",
          "0.5",
          "1e308",
          "-1e308",
          "1e999999",
          "\"\"",
          "\"BF16\"",
          "\"\\u0000\"",
          "\"\\ud800\"",
          "null",
          "true",
          "false",
          "[]",
          "{}",
          "[[[]]]",
          "[1, 2]",
          "{\"type\": \"Sequence\"}");

  private final Random random;

  public Mutations(long seed) {
    random = new Random(seed);
  }

  /// A damaged copy of `file`, whose first `headerBytes` bytes get most of the damage.
  public byte[] damage(byte[] file, int headerBytes) {
    byte[] damaged = file.clone();
    return switch (random.nextInt(5)) {
      case 0 -> Arrays.copyOf(damaged, random.nextInt(damaged.length));
      case 1 -> flipBits(damaged, headerBytes);
      case 2 -> lie(damaged, headerBytes);
      case 3 -> cutOut(damaged, headerBytes);
      default -> overwrite(damaged, headerBytes);
    };
  }

  /// JSON that still is JSON, with one of its values or names changed.
  public String damageJson(String json) {
    List<MatchResult> scalars = JSON_SCALAR.matcher(json).results().toList();
    MatchResult scalar = scalars.get(random.nextInt(scalars.size()));
    String value = JSON_VALUES.get(random.nextInt(JSON_VALUES.size()));
    return json.substring(0, scalar.start()) + value + json.substring(scalar.end());
  }

  private byte[] flipBits(byte[] bytes, int headerBytes) {
    for (int i = random.nextInt(8); i >= 0; i--) {
      bytes[random.nextInt(headerBytes)] ^= (byte) (1 << random.nextInt(8));
    }
    return bytes;
  }

  /// Puts a number where some count, length, type or offset may be.
  private byte[] lie(byte[] bytes, int headerBytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long lie = LIES[random.nextInt(LIES.length)];
    int at = random.nextInt(headerBytes - Long.BYTES);
    if (random.nextBoolean()) {
      buffer.putLong(at, lie);
    } else {
      buffer.putInt(at, (int) lie);
    }
    return bytes;
  }

  private byte[] cutOut(byte[] bytes, int headerBytes) {
    int start = random.nextInt(headerBytes);
    int length = 1 + random.nextInt(Math.min(16, bytes.length - start));
    System.arraycopy(bytes, start + length, bytes, start, bytes.length - start - length);
    return Arrays.copyOf(bytes, bytes.length - length);
  }

  private byte[] overwrite(byte[] bytes, int headerBytes) {
    int start = random.nextInt(headerBytes);
    for (int i = start; i < Math.min(bytes.length, start + 1 + random.nextInt(12)); i++) {
      bytes[i] = (byte) random.nextInt(256);
    }
    return bytes;
  }
}
