package dev.whittle.jinja;

/// How much a rendering may still do, so that a template with endless loops or ever longer texts
/// ends in an error, and soon. A step of the evaluation counts one, and so does a character or item
/// that is written.
final class Budget {
  /// Chat templates take some thousand steps for a message.
  private static final long STEPS = 20_000_000;

  /// How often a template may go through all that it was given.
  private static final long PASSES = 200;

  private long left;

  /// @param given how many characters the values have that are rendered
  Budget(long given) {
    this.left = STEPS + PASSES * given;
  }

  /// @throws TemplateException if nothing is left
  void spend(long amount) {
    left -= amount;
    if (left < 0) {
      throw new TemplateException("rendering takes more steps or memory than a chat can need");
    }
  }

  /// Counts a text that is gone through by simple loops, which are faster than steps.
  void scan(long characters) {
    spend(characters / 16);
  }

  /// Counts the search for a part of a text, which may compare all of it everywhere.
  void search(String text, String part) {
    scan((long) text.length() * Math.max(1, part.length()));
  }
}
