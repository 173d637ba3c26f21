package dev.whittle.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/// Files, and folders of files, that must not outlive the work that they are for: they are deleted
/// if the process is told to end (Ctrl-C) before [#delete] does it.
final class Leftovers {
  private static final Set<Path> PATHS = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> PATHS.forEach(Leftovers::delete), "leftovers"));
  }

  private Leftovers() {}

  /// Takes note of a file or folder, which need not be there yet.
  static void add(Path path) {
    PATHS.add(path);
  }

  /// Deletes a file, or a folder with the files in it, as far as it is there and can be deleted:
  /// what remains is no reason to fail what it was made for.
  static void delete(Path path) {
    try {
      if (Files.isDirectory(path)) {
        for (Path file : list(path)) {
          Files.deleteIfExists(file);
        }
      }
      Files.deleteIfExists(path);
    } catch (IOException _) {
      // As above.
    }
    PATHS.remove(path);
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }
}
