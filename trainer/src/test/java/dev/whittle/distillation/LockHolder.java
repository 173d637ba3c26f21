package dev.whittle.distillation;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A process that locks a file, says so, and holds on to it until its standard input ends.
final class LockHolder {
  private LockHolder() {}

  public static void main(String[] arguments) throws IOException {
    try (FileChannel channel = FileChannel.open(Path.of(arguments[0]), StandardOpenOption.WRITE);
        FileLock _ = channel.lock()) {
      System.out.write('L');
      System.out.flush();
      System.in.read();
    }
  }
}
