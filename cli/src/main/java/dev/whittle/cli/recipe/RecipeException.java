package dev.whittle.cli.recipe;

/// A recipe that cannot be run as it is. The message is one sentence that names the file, the
/// setting and the mend.
public final class RecipeException extends RuntimeException {
  public RecipeException(String message) {
    super(message);
  }

  public RecipeException(String message, Throwable cause) {
    super(message, cause);
  }
}
