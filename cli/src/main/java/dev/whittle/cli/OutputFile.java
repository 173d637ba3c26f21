package dev.whittle.cli;

import dev.whittle.io.AtomicFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// The file that a command writes: `-o` and `--force`.
final class OutputFile {
  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "OUT",
      description = "The file to write.")
  private Path path;

  @Option(names = "--force", description = "Replace the file if it exists.")
  private boolean force;

  Path path() {
    return path;
  }

  /// The file, if it can be written as far as one can tell beforehand.
  ///
  /// @throws UnusableException if it cannot
  Path require() {
    check(path, force);
    return path;
  }

  /// Whether the file may be replaced.
  boolean mayReplace() {
    return force;
  }

  /// Fails where writing `path` would, so that hours of work do not end in that.
  ///
  /// @throws UnusableException naming the file and the mend
  static void check(Path path, boolean force) {
    try {
      AtomicFile.checkWritable(path, force);
    } catch (FileAlreadyExistsException e) {
      throw new UnusableException(path + " exists already; add --force to replace it", e);
    } catch (IOException e) {
      throw new UnusableException(e.getMessage(), e);
    }
    Path folder = path.toAbsolutePath().getParent();
    if (!Files.isWritable(folder)) {
      throw new UnusableException(
          "cannot write "
              + path
              + ": no files can be made in "
              + folder
              + "; choose another folder");
    }
  }
}
