package dev.whittle.cli.recipe;

import java.util.List;
import picocli.CommandLine.Model.CommandSpec;

/// Whittle's commands, as stages of a recipe use them.
public interface Commands {
  /// The options and parameters of a command.
  CommandSpec specification(String command);

  /// The options that arguments give and that have no effect there.
  ///
  /// @param arguments the command's name, and its arguments
  /// @throws picocli.CommandLine.ParameterException if the arguments are malformed
  List<IdleOption> idle(List<String> arguments);

  /// Fails where the arguments are wrong by themselves: whatever can be said before the files exist
  /// that earlier stages will write.
  ///
  /// @param arguments the command's name, and its arguments
  /// @throws picocli.CommandLine.ParameterException if the arguments are malformed or contradict
  ///   each other
  void check(List<String> arguments);

  /// Runs a command. Why it failed, if it does, it says itself.
  ///
  /// @param arguments the command's name, and its arguments
  /// @return the exit code
  int run(List<String> arguments);
}
