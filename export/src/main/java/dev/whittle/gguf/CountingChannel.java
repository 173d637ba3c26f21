package dev.whittle.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/// Counts what is written to another channel, and leaves closing it to its owner.
final class CountingChannel implements WritableByteChannel {
  private final WritableByteChannel channel;
  private long written;

  CountingChannel(WritableByteChannel channel) {
    this.channel = channel;
  }

  long written() {
    return written;
  }

  void writeAll(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      write(bytes);
    }
  }

  @Override
  public int write(ByteBuffer bytes) throws IOException {
    int count = channel.write(bytes);
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
