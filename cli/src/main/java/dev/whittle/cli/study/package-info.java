/// Studies: one recipe with several settings and several seeds, and a table of what came of them.
///
/// A [Study] has arms: each is the recipe with some of its settings replaced. A [Cell] is an arm
/// with a seed, and a run of the recipe in a directory of its own, so that all of a
/// [dev.whittle.cli.recipe.RecipeRun] holds for it: nothing runs that is up to date, and what was
/// killed goes on. [StudyRun] runs the cells, several at a time, and a [SharedStages] lets each
/// take over what another one has done already. [StudyTable] has the figures.
@NullMarked
package dev.whittle.cli.study;

import org.jspecify.annotations.NullMarked;
