package dev.whittle.cli.study;

import dev.whittle.cli.recipe.Recipe;

/// An arm with a seed.
///
/// @param recipe with the settings of the arm and the seed, in a run directory of its own
public record Cell(Arm arm, long seed, Recipe recipe) {
  @Override
  public String toString() {
    return arm.name() + " seed " + seed;
  }
}
