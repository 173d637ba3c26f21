package dev.whittle.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/// Writes all of a buffer to another channel in each call, counts it, and leaves closing the
/// channel to its owner.
///
/// A file takes a part of a buffer where its disk fills up, without an error: that only comes with
/// the next write.
public final class CompleteChannel implements WritableByteChannel {
  private final WritableByteChannel channel;
  private long written;

  public CompleteChannel(WritableByteChannel channel) {
    this.channel = channel;
  }

  /// The bytes that were written to this.
  public long written() {
    return written;
  }

  @Override
  public int write(ByteBuffer bytes) throws IOException {
    int count = bytes.remaining();
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    written += count;
    return count;
  }

  @Override
  public boolean isOpen() {
    return channel.isOpen();
  }

  @Override
  public void close() {}
}
