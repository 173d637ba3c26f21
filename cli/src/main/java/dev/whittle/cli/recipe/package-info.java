/// Recipes: a whole workflow in one file.
///
/// A recipe is a list of stages, and a stage is a command with settings: the command's long options
/// by their own names. So every option is documented, checked and defaulted in one place, and a new
/// one is a setting at once. [RecipeReader] makes a [Recipe] of a file, and finds what is wrong
/// with any of its stages before the first one runs; [RecipeRun] runs the stages that are not up to
/// date, which a [StageRecord] of each in the run directory tells.
@NullMarked
package dev.whittle.cli.recipe;

import org.jspecify.annotations.NullMarked;
