package dev.whittle.cli;

/// A command that can tell before it runs what is wrong with its options, so that a recipe finds a
/// mistake in its last stage before it begins with the first.
interface Checkable {
  /// Fails where the options contradict each other, or cannot be had on this machine. Files need
  /// not exist yet.
  ///
  /// @throws picocli.CommandLine.ParameterException naming the option and the mend
  /// @throws UnusableException likewise
  void check();
}
