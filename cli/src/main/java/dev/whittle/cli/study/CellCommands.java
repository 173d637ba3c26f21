package dev.whittle.cli.study;

import dev.whittle.cli.recipe.Commands;

/// Commands as the stages of one cell use them.
public interface CellCommands extends Commands {
  /// Why the last one failed, in a sentence.
  String reason();
}
