package dev.whittle.cli;

import java.util.List;

/// Where options have an effect.
///
/// @param met whether they have one here
/// @param reason why they have none otherwise, and the mend: it continues a sentence that begins
///   with one of the options
/// @param options their names, as messages have them
record OptionRule(boolean met, String reason, List<String> options) {
  /// Options that belong to something else.
  ///
  /// @param met whether there is that here
  /// @param other what they belong to, such as `--on-policy`
  static OptionRule with(boolean met, String other, String... options) {
    return new OptionRule(
        met,
        "has an effect only with " + other + "; ask for that, or leave it out",
        List.of(options));
  }

  /// Options that something else leaves nothing to decide.
  ///
  /// @param met whether that is absent here
  /// @param other what it is, such as `--weigh-tokens`
  static OptionRule without(boolean met, String other, String... options) {
    return new OptionRule(
        met, "has no effect with " + other + "; leave out one or the other", List.of(options));
  }
}
