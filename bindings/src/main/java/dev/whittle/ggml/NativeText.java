package dev.whittle.ggml;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// Text on its way to and from C.
final class NativeText {
  private NativeText() {}

  /// A function in the manner of `snprintf`: writes at most `size` bytes with the final NUL, and
  /// returns the length that the whole text has without it, or less than 0 when there is none.
  @FunctionalInterface
  interface Writer {
    int write(MemorySegment buffer, long size);
  }

  /// What the function writes, whatever its length.
  static Optional<String> read(Writer writer) {
    int length = writer.write(MemorySegment.NULL, 0);
    if (length < 0) {
      return Optional.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(length + 1L);
      writer.write(buffer, length + 1L);
      return Optional.of(buffer.getString(0));
    }
  }

  /// A C string.
  ///
  /// @throws IllegalArgumentException if the text holds the NUL character, where C would cut it off
  static MemorySegment allocate(SegmentAllocator allocator, String text, String what) {
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          what + " holds the character NUL (\\u0000), which the library cannot take; remove it");
    }
    return allocator.allocateFrom(text, StandardCharsets.UTF_8);
  }
}
