package dev.whittle.training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.Consumer;

/// Digests of memory and files.
public final class Digests {
  private static final long PIECE = 1 << 24;
  private static final int[] CRC16 = crc16Table();

  private Digests() {}

  /// SHA-256 in lower-case hexadecimal.
  public static String sha256(MemorySegment memory) {
    MessageDigest digest = newSha256();
    for (long at = 0; at < memory.byteSize(); at += PIECE) {
      digest.update(memory.asSlice(at, Math.min(PIECE, memory.byteSize() - at)).asByteBuffer());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /// SHA-256 of what `content` feeds to the digest, in lower-case hexadecimal.
  public static String sha256(Consumer<MessageDigest> content) {
    MessageDigest digest = newSha256();
    content.accept(digest);
    return HexFormat.of().formatHex(digest.digest());
  }

  /// SHA-256 of a file in lower-case hexadecimal.
  ///
  /// @throws UncheckedIOException if it cannot be read
  public static String sha256(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        Arena arena = Arena.ofConfined()) {
      return sha256(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be read; give the path of a file that can", e);
    }
  }

  private static MessageDigest newSha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /// CRC-16 with the polynomial of CCITT (x¹⁶ + x¹² + x⁵ + 1), which is also XMODEM's.
  public static int crc16(MemorySegment memory) {
    int crc = 0;
    for (long i = 0; i < memory.byteSize(); i++) {
      int value = memory.get(ValueLayout.JAVA_BYTE, i);
      crc = (crc << 8) & 0xffff ^ CRC16[(crc >>> 8) ^ (value & 0xff)];
    }
    return crc;
  }

  private static int[] crc16Table() {
    int[] table = new int[256];
    for (int i = 0; i < table.length; i++) {
      int crc = i << 8;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
      }
      table[i] = crc & 0xffff;
    }
    return table;
  }
}
