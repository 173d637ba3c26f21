package dev.whittle.training;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/// Keeps the folder of a run to one process while it trains there. Two would delete each other's
/// checkpoints and write their metrics in turns.
public final class RunLock implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;

  private RunLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /// Takes a folder, which is made if it does not exist.
  ///
  /// @param directory null for none
  /// @throws RunDirectoryException if another run has it
  /// @throws IOException if it cannot be written
  public static @Nullable RunLock of(@Nullable Path directory) throws IOException {
    if (directory == null) {
      return null;
    }
    Path file = directory.resolve(".lock");
    FileChannel channel;
    try {
      Files.createDirectories(directory);
      channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw RunDirectory.unwritable(directory, e);
    }
    if (!isLocked(channel)) {
      channel.close();
      throw new RunDirectoryException(
          "another process trains in " + directory + "; wait for it, or name another folder");
    }
    return new RunLock(file, channel);
  }

  private static boolean isLocked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException _) {
      return false;
    }
  }

  /// Gives the folder back. The lock's file goes too, so that no copy of the run holds it.
  @Override
  public void close() throws IOException {
    Files.deleteIfExists(file);
    channel.close();
  }
}
