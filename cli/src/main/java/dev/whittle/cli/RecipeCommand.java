package dev.whittle.cli;

import dev.whittle.cli.Table.Column;
import dev.whittle.cli.recipe.Commands;
import dev.whittle.cli.recipe.Recipe;
import dev.whittle.cli.recipe.RecipeListener;
import dev.whittle.cli.recipe.RecipeReader;
import dev.whittle.cli.recipe.RecipeRun;
import dev.whittle.cli.recipe.RecipeRun.Outcome;
import dev.whittle.cli.recipe.Stage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// `whittle recipe`: a whole workflow from one file.
@Command(
    name = "recipe",
    description = {
      "Runs a whole workflow from one file. Each stage of a recipe is a command, with its long"
          + " options as settings.",
      ""
    },
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = {RecipeCommand.Run.class, RecipeCommand.Show.class})
final class RecipeCommand implements Runnable {
  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing: run or show");
  }

  /// Which recipe, and what to change in it.
  static final class RecipeOption {
    @Parameters(index = "0", paramLabel = "RECIPE", description = "A YAML file.")
    private Path file;

    @Parameters(
        index = "1..*",
        paramLabel = "STAGE.SETTING=VALUE",
        description = "Settings that replace those of the file, such as distill.steps=100.")
    private List<String> overrides = new ArrayList<>();

    Recipe read(Commands commands) {
      return new RecipeReader(commands).read(file, overrides);
    }
  }

  /// `whittle recipe show`
  @Command(
      name = "show",
      description = {
        "Prints a recipe as it would run: with every default, and one stage for each of a list.",
        ""
      })
  static final class Show implements Runnable {
    @ParentCommand private RecipeCommand parent;
    @Mixin private RecipeOption recipe;

    @Override
    public void run() {
      Terminal terminal = parent.whittle.terminal();
      terminal.print(recipe.read(new StageCommands(parent.whittle)).toYaml());
    }
  }

  /// `whittle recipe run`
  @Command(
      name = "run",
      description = {
        "Runs the stages of a recipe that are not up to date. A recipe that was killed goes on where"
            + " it was.",
        ""
      })
  static final class Run implements Callable<Integer> {
    @ParentCommand private RecipeCommand parent;
    @Mixin private RecipeOption recipe;

    @Option(names = "--dry-run", description = "Say which stages are not up to date, and stop.")
    private boolean dryRun;

    @Option(
        names = "--force",
        description =
            "Run all stages anew, and replace files that are there and not of this recipe.")
    private boolean force;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
      Terminal terminal = parent.whittle.terminal();
      Commands commands = new StageCommands(parent.whittle);
      Recipe read = recipe.read(commands);
      RecipeRun run = new RecipeRun(read, commands, Versions.ofRun(), new Announcements(terminal));
      List<Outcome> outcomes;
      if (dryRun) {
        List<Stage> pending = force ? read.stages() : run.pending();
        outcomes =
            read.stages().stream()
                .map(stage -> new Outcome(stage, pending.contains(stage), 0))
                .toList();
      } else {
        try (InterruptionNotice _ =
            new InterruptionNotice(
                terminal, "interrupted; run the recipe again to go on where it was")) {
          outcomes = run.run(force);
        }
      }
      report(terminal, read, outcomes);
      return ExitCode.OK;
    }

    private void report(Terminal terminal, Recipe read, List<Outcome> outcomes) {
      if (json) {
        terminal.printJson(RecipeReport.of(read, outcomes, dryRun));
        return;
      }
      Table table =
          new Table(
              Column.left("stage"), Column.left(""), Column.right("time"), Column.left("output"));
      for (Outcome outcome : outcomes) {
        Stage stage = outcome.stage();
        table.row(
            stage.name(),
            RecipeReport.state(outcome, dryRun),
            outcome.seconds() > 0 ? Progress.duration((long) (outcome.seconds() * 1e9)) : "",
            shortened(stage.outputs().getFirst()));
      }
      terminal.print(table.toString());
    }

    /// Relative to the working directory, if it lies below it.
    private static String shortened(Path path) {
      Path here = Path.of("").toAbsolutePath();
      return path.startsWith(here) ? here.relativize(path).toString() : path.toString();
    }
  }

  /// What `--json` prints.
  ///
  /// @param stages in the recipe's order
  record RecipeReport(String runDir, List<Row> stages) {
    /// @param state `done`, `up to date`, or with `--dry-run` `would run`
    record Row(String stage, String kind, String state, double seconds, List<String> outputs) {}

    private static RecipeReport of(Recipe recipe, List<Outcome> outcomes, boolean dryRun) {
      return new RecipeReport(
          recipe.runDirectory().toString(),
          outcomes.stream()
              .map(outcome ->
                  new Row(
                      outcome.stage().name(),
                      outcome.stage().kind().label(),
                      state(outcome, dryRun),
                      outcome.seconds(),
                      outcome.stage().outputs().stream().map(Path::toString).toList()))
              .toList());
    }

    private static String state(Outcome outcome, boolean dryRun) {
      if (!outcome.ran()) {
        return "up to date";
      }
      return dryRun ? "would run" : "done";
    }
  }

  /// Says which stage runs.
  private record Announcements(Terminal terminal) implements RecipeListener {
    @Override
    public void current(Stage stage) {}

    @Override
    public void begins(Stage stage, int number, int stages, boolean resumed) {
      terminal.say(
          terminal.styled("@|bold [" + number + "/" + stages + "] " + stage.name() + "|@")
              + (resumed ? " goes on where it was" : ""));
    }
  }
}
