package dev.whittle.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;

/// A file that at most one process holds at a time, so that what it stands for is one process's
/// too. A process that is killed holds it no more.
public final class LockFile implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;

  private LockFile(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /// Takes the file, which is made if it does not exist.
  ///
  /// @return nothing if it is held already
  /// @throws IOException if it cannot be written
  public static Optional<LockFile> take(Path file) throws IOException {
    while (true) {
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      boolean held;
      try {
        held = channel.tryLock() != null;
      } catch (OverlappingFileLockException _) {
        // This process holds it.
        held = false;
      } catch (IOException _) {
        // Some network file systems know no locks. There it is up to people to keep processes
        // apart.
        return Optional.of(new LockFile(file, channel));
      }
      if (held && isThere(file, channel)) {
        return Optional.of(new LockFile(file, channel));
      }
      channel.close();
      if (!held) {
        return Optional.empty();
      }
      // Who held it deleted it after it was opened here: the next one would make another.
    }
  }

  /// Whether a file that is held is the one that has its name.
  private static boolean isThere(Path file, FileChannel channel) throws IOException {
    byte[] mark = UUID.randomUUID().toString().getBytes(StandardCharsets.US_ASCII);
    channel.truncate(0);
    channel.write(ByteBuffer.wrap(mark), 0);
    try {
      return Arrays.equals(Files.readAllBytes(file), mark);
    } catch (NoSuchFileException _) {
      return false;
    }
  }

  /// Gives the file back, and deletes it, so that nothing of it is copied with what it stands for.
  @Override
  public void close() throws IOException {
    Files.deleteIfExists(file);
    channel.close();
  }
}
