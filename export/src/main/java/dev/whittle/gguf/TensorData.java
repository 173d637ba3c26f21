package dev.whittle.gguf;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;

/// The data of a tensor to be written, which may be produced as it is written.
@FunctionalInterface
public interface TensorData {

  /// Writes the tensor's data, all of it and nothing else, to `channel`.
  ///
  /// @throws IOException if it cannot be produced or written
  void writeTo(WritableByteChannel channel) throws IOException;

  /// Data that lies in memory or in a mapped file.
  static TensorData of(MemorySegment segment) {
    // A ByteBuffer ends at 2 GiB, and a channel copies each heap buffer whole into native memory.
    long chunk = 1 << 24;
    return channel -> {
      for (long start = 0; start < segment.byteSize(); start += chunk) {
        long bytes = Math.min(chunk, segment.byteSize() - start);
        var buffer = segment.asSlice(start, bytes).asByteBuffer();
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
      }
    };
  }
}
