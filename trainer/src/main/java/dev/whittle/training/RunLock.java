package dev.whittle.training;

import dev.whittle.io.LockFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Keeps the folder of a run to one process while it trains there. Two would delete each other's
/// checkpoints and write their metrics in turns.
public final class RunLock implements AutoCloseable {
  private final LockFile file;

  private RunLock(LockFile file) {
    this.file = file;
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
    Optional<LockFile> file;
    try {
      Files.createDirectories(directory);
      file = LockFile.take(directory.resolve(".lock"));
    } catch (IOException e) {
      throw RunDirectory.unwritable(directory, e);
    }
    return new RunLock(
        file.orElseThrow(() ->
            new RunDirectoryException(
                "another process trains in "
                    + directory
                    + "; wait for it, or name another folder")));
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
