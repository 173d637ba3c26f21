package dev.whittle.cli;

import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/// The root command: what all commands share, and the process's entry point.
@Command(
    name = "whittle",
    description = {
      "Quantizes language models to GGUF and trains the quantized weights against the original.",
      ""
    },
    mixinStandardHelpOptions = false,
    versionProvider = Versions.class,
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    optionListHeading = "Options:%n",
    footer = {"", "'whittle COMMAND --help' tells more about each command."},
    subcommands = {
      DemoCommand.class,
      ImportCommand.class,
      InspectCommand.class,
      ImatrixCommand.class,
      QuantizeCommand.class,
      SimulateCommand.class,
      SynthesizeCommand.class,
      DistillCommand.class,
      GrpoCommand.class,
      RecipeCommand.class,
      StudyCommand.class,
      EvalCommand.class,
      ReportCommand.class,
      ExportCommand.class,
      VerifyCommand.class,
      RunCommand.class,
      ChatCommand.class,
      BenchCommand.class,
      DoctorCommand.class
    })
public final class Whittle implements Runnable {
  /// The property by which the bindings are told where the libraries are.
  static final String NATIVE_DIRECTORY = "whittle.native.dir";

  private final Terminal terminal;

  @Spec private CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help.")
  private boolean help;

  @Option(
      names = "--version",
      versionHelp = true,
      description = "Show the versions of Whittle, ggml and llama.cpp.")
  private boolean version;

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "Show where in the program an error comes from.")
  private boolean stacktrace;

  @Option(
      names = {"-v", "--verbose"},
      scope = ScopeType.INHERIT,
      description = "Show what llama.cpp and ggml log.")
  private boolean verbose;

  @Option(
      names = "--native-dir",
      paramLabel = "DIR",
      scope = ScopeType.INHERIT,
      description = "Use the llama.cpp libraries in this folder.")
  private Path nativeDirectory;

  private Whittle(Terminal terminal) {
    this.terminal = terminal;
  }

  public static void main(String[] args) {
    // Figures look the same everywhere: a table is often the input of something else.
    Locale.setDefault(Locale.ROOT);
    System.exit(run(Terminal.ofProcess(), args));
  }

  /// Runs a command line inside this process, with other streams than its own. Neither of them
  /// counts as a terminal.
  ///
  /// @return the exit code: 0 done, 1 the work failed, 2 wrong usage or unusable input
  public static int run(OutputStream out, OutputStream err, String... args) {
    return run(new Terminal(out, err, false, false), args);
  }

  static int run(Terminal terminal, String... args) {
    Whittle whittle = new Whittle(terminal);
    Failures failures = new Failures(terminal, () -> whittle.stacktrace);
    CommandLine commandLine = commandLine(whittle, failures);
    int code;
    try {
      code = commandLine.execute(args);
    } catch (Error e) {
      code = failures.report(e);
    }
    // Commands find out as they print; this is for what picocli printed itself, such as help.
    return code != ExitCode.OK ? code : terminal.outputFailure().map(failures::report).orElse(code);
  }

  /// The command line with all commands, to look at and to parse with.
  static CommandLine commandLine(Terminal terminal) {
    return commandLine(new Whittle(terminal), new Failures(terminal, () -> false));
  }

  private static CommandLine commandLine(Whittle whittle, Failures failures) {
    Terminal terminal = whittle.terminal;
    CommandLine commandLine = new CommandLine(whittle);
    Conversions.addTo(commandLine);
    keepOrderOfOptions(commandLine);
    return commandLine
        .setOut(terminal.out())
        .setErr(terminal.err())
        .setColorScheme(terminal.colorScheme())
        .setUsageHelpAutoWidth(terminal.isLive())
        // As in llama.cpp, '-ngl' is one name, not '-n' with the value 'gl'.
        .setPosixClusteredShortOptionsAllowed(false)
        .setParameterExceptionHandler(failures)
        .setExecutionExceptionHandler(failures)
        .setExecutionStrategy(whittle::execute);
  }

  /// Has the help of all commands show options as they are declared: what belongs together stands
  /// together, and what all commands share comes last.
  private static void keepOrderOfOptions(CommandLine commandLine) {
    commandLine.getCommandSpec().usageMessage().sortOptions(false);
    commandLine.getSubcommands().values().forEach(Whittle::keepOrderOfOptions);
  }

  private int execute(ParseResult arguments) {
    VerboseLogging.show(verbose ? terminal.err() : null);
    if (nativeDirectory != null) {
      // The bindings load the libraries when they are first used, and look here for the folder.
      System.setProperty(NATIVE_DIRECTORY, nativeDirectory.toString());
    }
    if (!isHelpRequested(arguments)) {
      OptionRules.check(arguments);
    }
    return new RunLast().execute(arguments);
  }

  /// Help is given whatever else there is, or is missing.
  private static boolean isHelpRequested(ParseResult arguments) {
    return arguments.isUsageHelpRequested()
        || (arguments.hasSubcommand() && isHelpRequested(arguments.subcommand()));
  }

  /// The options that hold for every command, for a command that runs others.
  List<String> commonOptions() {
    List<String> options = new ArrayList<>();
    if (stacktrace) {
      options.add("--stacktrace");
    }
    if (verbose) {
      options.add("--verbose");
    }
    return options;
  }

  /// Where the command writes to.
  Terminal terminal() {
    return terminal;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }
}
