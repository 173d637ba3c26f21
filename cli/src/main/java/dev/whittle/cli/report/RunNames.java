package dev.whittle.cli.report;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;

/// What a report calls runs: the names of their directories, with as many of the folders above as
/// it takes to tell them apart. A study has a `seed-1` in every arm.
final class RunNames {
  private RunNames() {}

  /// @param folders absolute, and none of them twice
  static List<String> of(List<Path> folders) {
    int longest = folders.stream().mapToInt(Path::getNameCount).max().orElse(1);
    for (int length = 1; length < longest; length++) {
      List<String> names = names(folders, length);
      if (new HashSet<>(names).size() == names.size()) {
        return names;
      }
    }
    return folders.stream().map(Path::toString).toList();
  }

  private static List<String> names(List<Path> folders, int length) {
    return folders.stream().map(folder -> name(folder, length)).toList();
  }

  private static String name(Path folder, int length) {
    int count = folder.getNameCount();
    return count == 0
        ? folder.toString()
        : folder.subpath(Math.max(0, count - length), count).toString();
  }
}
