package dev.whittle.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A folder for files that are of no use once it is closed, in the system's folder for what is
/// temporary. If the process is told to end before (Ctrl-C), folder and files are deleted then.
public final class TemporaryFolder implements AutoCloseable {
  private final Path path;

  private TemporaryFolder(Path path) {
    this.path = path;
  }

  /// Makes an empty folder.
  ///
  /// @throws IOException if there can be none
  public static TemporaryFolder create() throws IOException {
    Path path;
    try {
      path = Files.createTempDirectory("whittle");
    } catch (IOException e) {
      throw new IOException(
          "no folder can be made in "
              + System.getProperty("java.io.tmpdir")
              + ", where temporary files go ("
              + IoProblem.of(e)
              + "); name another one in TMPDIR",
          e);
    }
    Leftovers.add(path);
    return new TemporaryFolder(path);
  }

  /// A place in the folder for a file of this name.
  public Path resolve(String name) {
    return path.resolve(name);
  }

  /// Deletes the files, and the folder.
  @Override
  public void close() {
    Leftovers.delete(path);
  }
}
