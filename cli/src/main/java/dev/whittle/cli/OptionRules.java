package dev.whittle.cli;

import dev.whittle.cli.recipe.IdleOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/// A command, or options that commands share, of which some have no effect beside others: who gives
/// one of these believes in what does not happen, and is told so.
///
/// A rule is about options alone, not about what files hold, nor about what `--dry-run` leaves
/// undone. (Argument groups of picocli cannot tell one value of an option from another.)
interface OptionRules {
  /// The rules, for the options as they have been parsed. Of several for one option, the first that
  /// is not met counts. Values that [Checkable#check] will refuse must not make this fail.
  List<OptionRule> rules();

  /// Fails where an option that was given has no effect.
  ///
  /// @throws ParameterException naming the option and the mend
  static void check(ParseResult arguments) {
    ParseResult command = command(arguments);
    List<IdleOption> idle = idle(command);
    if (!idle.isEmpty()) {
      IdleOption first = idle.getFirst();
      throw new ParameterException(
          command.commandSpec().commandLine(),
          first.name() + " " + first.reason(),
          first.option(),
          null);
    }
  }

  /// The options that were given and have no effect.
  static List<IdleOption> idle(ParseResult arguments) {
    ParseResult command = command(arguments);
    Map<OptionSpec, IdleOption> idle = new LinkedHashMap<>();
    for (OptionRule rule : of(command.commandSpec())) {
      for (String name : rule.options()) {
        OptionSpec option =
            Objects.requireNonNull(command.commandSpec().findOption(name), "no option " + name);
        if (!rule.met() && command.hasMatchedOption(option)) {
          idle.putIfAbsent(option, new IdleOption(option, name, rule.reason()));
        }
      }
    }
    return List.copyOf(idle.values());
  }

  /// The rules of a command and of the options that it shares with others.
  static List<OptionRule> of(CommandSpec command) {
    List<OptionRule> rules = new ArrayList<>();
    if (command.userObject() instanceof OptionRules some) {
      rules.addAll(some.rules());
    }
    command.mixins().values().forEach(mixin -> rules.addAll(of(mixin)));
    return rules;
  }

  private static ParseResult command(ParseResult arguments) {
    ParseResult command = arguments;
    while (command.hasSubcommand()) {
      command = command.subcommand();
    }
    return command;
  }
}
