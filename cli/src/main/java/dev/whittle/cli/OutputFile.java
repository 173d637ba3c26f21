package dev.whittle.cli;

import dev.whittle.io.AtomicFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
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
  /// @param inputs what the command reads; null for what it was not given
  /// @throws UnusableException if it cannot, or would be written over an input
  Path require(@Nullable Path... inputs) {
    check(path, force, inputs);
    return path;
  }

  /// Whether the file may be replaced.
  boolean mayReplace() {
    return force;
  }

  /// Fails where writing `path` would, so that hours of work do not end in that, and where it would
  /// destroy what the command reads, which no one means by `--force`.
  ///
  /// @param inputs what the command reads; null for what it was not given
  /// @throws UnusableException naming the file and the mend
  static void check(Path path, boolean force, @Nullable Path... inputs) {
    if (path.toString().isEmpty()) {
      throw new UnusableException("the file to write has an empty name; give it one");
    }
    for (Path input : inputs) {
      if (input != null && isSame(path, input)) {
        throw new UnusableException(
            "cannot write " + path + ": the command reads that file; choose another name");
      }
    }
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

  /// Fails where two files to write are one.
  ///
  /// @throws UnusableException naming it
  static void requireDistinct(Path path, @Nullable Path other) {
    if (other != null && isSame(path, other)) {
      throw new UnusableException(path + " is to be written twice; give one of them another name");
    }
  }

  /// Whether both paths lead to the same file, which may not be there yet.
  private static boolean isSame(Path path, Path other) {
    try {
      if (Files.exists(path) && Files.exists(other)) {
        return Files.isSameFile(path, other);
      }
    } catch (IOException _) {
      // What cannot be looked at is compared by its name.
    }
    return path.toAbsolutePath().normalize().equals(other.toAbsolutePath().normalize());
  }
}
