package dev.whittle.cli.report;

import java.nio.file.Path;
import java.util.List;

/// What a report calls runs: the names of their directories, with as many of the folders above as
/// it takes to tell them apart. A study has a `seed-1` in every arm.
final class RunNames {
  private RunNames() {}

  /// @param folders absolute, and none of them twice
  static List<String> of(List<Path> folders) {
    return folders.stream().map(folder -> name(folder, folders)).toList();
  }

  private static String name(Path folder, List<Path> folders) {
    int count = folder.getNameCount();
    for (int length = 1; length <= count; length++) {
      Path name = folder.subpath(count - length, count);
      if (folders.stream().filter(other -> other.endsWith(name)).count() == 1) {
        return name.toString();
      }
    }
    return folder.toString();
  }
}
