package dev.whittle.cli.study;

import dev.whittle.cli.recipe.NearestName;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A study, read and resolved.
///
/// @param file where it was read from
/// @param directory where everything goes: the run directory of each cell, and the table
/// @param factors what the arms differ in
/// @param arms every combination of the factors' levels
/// @param seeds with which each arm runs
/// @param columns of the table
/// @param cells in the order in which they run: all arms with the first seed, and so on
public record Study(
    Path file,
    Path directory,
    List<String> factors,
    List<Arm> arms,
    List<Long> seeds,
    List<Column> columns,
    List<Cell> cells) {

  /// Some of the cells.
  ///
  /// @param armNames names of arms, or of levels for all arms that have them; null for all
  /// @param wanted seeds; null for all
  /// @throws IllegalArgumentException naming one that the study does not have
  public List<Cell> select(@Nullable List<String> armNames, @Nullable List<Long> wanted) {
    for (String name : armNames == null ? List.<String>of() : armNames) {
      if (arms.stream().noneMatch(arm -> arm.isCalled(name))) {
        Set<String> known = new LinkedHashSet<>();
        arms.forEach(arm -> known.addAll(arm.levels().values()));
        arms.forEach(arm -> known.add(arm.name()));
        throw new IllegalArgumentException(
            "%s has no arm '%s'; %s".formatted(file, name, NearestName.mend(name, known)));
      }
    }
    for (long seed : wanted == null ? List.<Long>of() : wanted) {
      if (!seeds.contains(seed)) {
        throw new IllegalArgumentException(
            "%s has the seeds %s, but not %d; name some of them, or set others by seeds=[…]"
                .formatted(file, seeds, seed));
      }
    }
    return cells.stream()
        .filter(cell -> armNames == null || armNames.stream().anyMatch(cell.arm()::isCalled))
        .filter(cell -> wanted == null || wanted.contains(cell.seed()))
        .toList();
  }
}
