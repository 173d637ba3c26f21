package dev.whittle.cli.recipe;

/// Hears how a [RecipeRun] goes.
public interface RecipeListener {
  /// Tells nobody.
  RecipeListener SILENT =
      new RecipeListener() {
        @Override
        public void current(Stage stage) {}

        @Override
        public void begins(Stage stage, int number, int stages, boolean resumed) {}
      };

  /// A stage is up to date and need not run.
  void current(Stage stage);

  /// A stage begins.
  ///
  /// @param number of this stage, from 1
  /// @param resumed whether it goes on where it was killed
  void begins(Stage stage, int number, int stages, boolean resumed);
}
