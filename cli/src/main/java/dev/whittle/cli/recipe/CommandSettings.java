package dev.whittle.cli.recipe;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/// A command's options and parameters as settings of a stage, by their names in snake case: what is
/// `--tokens-per-step` in the command is `tokens_per_step` here.
final class CommandSettings {
  /// What stands for no limit, or for nothing.
  private static final Set<String> UNSAID =
      Set.of("", "false", "0", "0.0", String.valueOf(Integer.MAX_VALUE));

  private static final String RUN_DIRECTORY = "--run-dir";
  private static final String RESUME = "--resume";
  private static final String FORCE = "--force";

  private final StageKind kind;
  private final CommandSpec command;
  private final Map<String, ArgSpec> arguments = new LinkedHashMap<>();

  CommandSettings(StageKind kind, CommandSpec command) {
    this.kind = kind;
    this.command = command;
    // In their own order, so that the command line has them so too.
    for (PositionalParamSpec parameter : command.positionalParameters()) {
      add(parameter.paramLabel().replaceAll("[^A-Za-z_]", ""), parameter);
    }
    for (OptionSpec option : command.options()) {
      add(option.longestName().replaceFirst("^-+", ""), option);
    }
  }

  private void add(String name, ArgSpec argument) {
    kind.setting(name.toLowerCase(Locale.ROOT).replace('-', '_'))
        .ifPresent(setting -> arguments.put(setting, argument));
  }

  Set<String> names() {
    return arguments.keySet();
  }

  /// Whether a setting may have several values.
  boolean isMultiple(String name) {
    return arguments.get(name).isMultiValue();
  }

  /// The name of the setting that an option or parameter of another specification of this command
  /// is, if it is one.
  Optional<String> nameOf(ArgSpec argument) {
    return arguments.entrySet().stream()
        .filter(entry -> isSame(entry.getValue(), argument))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  private static boolean isSame(ArgSpec one, ArgSpec other) {
    return one instanceof OptionSpec option
        ? other instanceof OptionSpec o && option.longestName().equals(o.longestName())
        : one.paramLabel().equals(other.paramLabel()) && other.isPositional();
  }

  /// The first setting that the command needs and `values` lacks.
  Optional<String> missing(Map<String, List<String>> values) {
    return arguments.entrySet().stream()
        .filter(entry -> entry.getValue().required() && !values.containsKey(entry.getKey()))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /// What the command takes where nothing is said; nothing, zero, no and no limit are left out.
  Map<String, List<String>> defaults() {
    Map<String, List<String>> defaults = new LinkedHashMap<>();
    arguments.forEach((name, argument) -> {
      Object value = argument.isMultiValue() ? null : argument.initialValue();
      String text = value instanceof Enum<?> constant ? label(constant) : String.valueOf(value);
      if (value != null && !UNSAID.contains(text)) {
        defaults.put(name, List.of(text));
      }
    });
    return defaults;
  }

  private static String label(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  /// Whether the command can go on where it was.
  boolean isResumable() {
    return command.findOption(RESUME) != null;
  }

  /// Whether the command keeps what it needs for that in a run directory, and not beside its
  /// output.
  boolean hasRunDirectory() {
    return command.findOption(RUN_DIRECTORY) != null;
  }

  /// The command line. What is there already is written again: whose it is, the recipe knows.
  ///
  /// @param runDirectory for a command that can go on where it was
  /// @throws IllegalArgumentException if a flag is neither true nor false; the message names it
  List<String> commandLine(Map<String, List<String>> values, @Nullable Path runDirectory) {
    List<String> line = new ArrayList<>(List.of(kind.command()));
    arguments.forEach((name, argument) -> {
      for (String value : values.getOrDefault(name, List.of())) {
        if (!(argument instanceof OptionSpec option)) {
          line.add(value);
        } else if (option.arity().max() > 0) {
          line.add(option.longestName() + "=" + value);
        } else if (value.equals("true")) {
          line.add(option.longestName());
        } else if (!value.equals("false")) {
          throw new IllegalArgumentException(name);
        }
      }
    });
    if (runDirectory != null) {
      line.add(RUN_DIRECTORY + "=" + runDirectory);
    }
    if (command.findOption(FORCE) != null) {
      line.add(FORCE);
    }
    return line;
  }

  /// The same command line, to go on where the command was.
  static List<String> resumed(List<String> commandLine) {
    List<String> line = new ArrayList<>(commandLine);
    line.add(RESUME);
    return line;
  }
}
