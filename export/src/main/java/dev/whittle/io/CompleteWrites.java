package dev.whittle.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/// Writes all of a buffer to another channel in each call, and leaves closing it to its owner.
///
/// A file takes a part of it where its disk fills up, without an error: that only comes with the
/// next write.
record CompleteWrites(WritableByteChannel channel) implements WritableByteChannel {
  @Override
  public int write(ByteBuffer bytes) throws IOException {
    int count = bytes.remaining();
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    return count;
  }

  @Override
  public boolean isOpen() {
    return channel.isOpen();
  }

  @Override
  public void close() {}
}
