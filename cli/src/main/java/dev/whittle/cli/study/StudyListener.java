package dev.whittle.cli.study;

import dev.whittle.cli.recipe.Stage;

/// Hears how a [StudyRun] goes, from several threads.
public interface StudyListener {
  /// A cell begins with a stage.
  void begins(Cell cell, Stage stage);

  /// A cell has come to its end, or was there already.
  void ended(Cell cell);

  /// A cell has failed.
  void failed(Cell cell, CellFailure failure);

  /// A cell had failed before, and was left so.
  void leftFailed(Cell cell, CellFailure failure);
}
