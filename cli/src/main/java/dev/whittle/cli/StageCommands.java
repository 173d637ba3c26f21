package dev.whittle.cli;

import dev.whittle.cli.recipe.Commands;
import dev.whittle.cli.recipe.IdleOption;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/// The commands as stages of a recipe, inside this process.
///
/// Their results, which belong to standard output elsewhere, go where people's text goes: a recipe
/// has results of its own.
final class StageCommands implements Commands {
  private final Whittle whittle;

  /// To look at and to parse with: it takes a while to make, and a study asks for it hundreds of
  /// times.
  private final CommandLine commandLine;

  StageCommands(Whittle whittle) {
    this.whittle = whittle;
    this.commandLine = Whittle.commandLine(whittle.terminal().forPeople());
  }

  @Override
  public CommandSpec specification(String command) {
    return commandLine.getSubcommands().get(command).getCommandSpec();
  }

  @Override
  public List<IdleOption> idle(List<String> arguments) {
    return OptionRules.idle(commandLine.parseArgs(arguments.toArray(String[]::new)));
  }

  @Override
  public void check(List<String> arguments) {
    CommandLine parsed =
        commandLine.parseArgs(arguments.toArray(String[]::new)).asCommandLineList().getLast();
    if (parsed.getCommand() instanceof Checkable command) {
      try {
        command.check();
      } catch (UnusableException e) {
        throw new ParameterException(parsed, e.getMessage(), e);
      }
    }
  }

  @Override
  public int run(List<String> arguments) {
    List<String> line = new ArrayList<>(whittle.commonOptions());
    line.addAll(arguments);
    return Whittle.run(whittle.terminal().forPeople(), line.toArray(String[]::new));
  }
}
