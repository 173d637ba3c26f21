package dev.whittle.cli;

import dev.whittle.cli.Table.Column;
import dev.whittle.cli.recipe.Stage;
import dev.whittle.cli.study.Arm;
import dev.whittle.cli.study.Cell;
import dev.whittle.cli.study.CellFailure;
import dev.whittle.cli.study.CellResult;
import dev.whittle.cli.study.Study;
import dev.whittle.cli.study.StudyListener;
import dev.whittle.cli.study.StudyReader;
import dev.whittle.cli.study.StudyRun;
import dev.whittle.cli.study.StudyTable;
import dev.whittle.ggml.DeviceSelection;
import dev.whittle.io.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// `whittle study`: one recipe in variants, with several seeds, and a table of what came of them.
@Command(
    name = "study",
    description = {
      "Runs a recipe in variants, with several seeds, and makes a table of what comes of them.",
      ""
    },
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = {StudyCommand.Run.class, StudyCommand.TableOf.class, StudyCommand.Show.class})
final class StudyCommand implements Runnable {
  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing: run, table or show");
  }

  /// Which study, and what to change in it.
  static final class StudyOption {
    @Parameters(index = "0", paramLabel = "STUDY", description = "A YAML file.")
    private Path file;

    @Parameters(
        index = "1..*",
        paramLabel = "STAGE.SETTING=VALUE",
        description =
            "Settings that replace those of the recipe, such as distill.steps=100; also study_dir and"
                + " seeds.")
    private List<String> overrides = new ArrayList<>();

    /// @param jobs how many cells share the processors
    Study read(Whittle whittle, int jobs) {
      int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / jobs);
      return new StudyReader(new StageCommands(whittle), threads).read(file, overrides);
    }
  }

  /// The table, in files and on standard output.
  private void tabulate(Study study, List<CellResult> results, boolean json) throws IOException {
    StudyTable table = StudyTable.of(study, results);
    write(study.directory().resolve("table.md"), table.toMarkdown());
    write(study.directory().resolve("table.json"), whittle.terminal().json(table) + "\n");
    if (json) {
      whittle.terminal().printJson(table);
    } else {
      whittle.terminal().print(table.toMarkdown());
    }
  }

  private static void write(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, true, channel -> channel.write(ByteBuffer.wrap(bytes)));
  }

  /// `whittle study table`
  @Command(
      name = "table",
      description = {
        "Makes the table of what a study has done so far, with the settings given here. Runs nothing.",
        ""
      })
  static final class TableOf implements Callable<Integer> {
    @ParentCommand private StudyCommand parent;
    @Mixin private StudyOption option;

    @Option(names = "--json", description = "Print the table as one JSON object.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
      StageCommands commands = new StageCommands(parent.whittle);
      Study study = option.read(parent.whittle, 1);
      parent.tabulate(study, StudyRun.results(study, commands, Map.of()), json);
      return ExitCode.OK;
    }
  }

  /// `whittle study show`
  @Command(
      name = "show",
      description = {"Lists the arms of a study, and what makes each of them.", ""})
  static final class Show implements Runnable {
    @ParentCommand private StudyCommand parent;
    @Mixin private StudyOption option;

    @Override
    public void run() {
      Study study = option.read(parent.whittle, 1);
      Table table = new Table(Column.left("arm"), Column.left("settings"));
      for (Arm arm : study.arms()) {
        table.row(
            arm.name(),
            arm.settings().entrySet().stream()
                .map(entry ->
                    entry.getKey()
                        + "="
                        + (entry.getValue().isContainer()
                            ? entry.getValue()
                            : entry.getValue().asString("")))
                .collect(Collectors.joining(" ")));
      }
      parent.whittle.terminal().print(table.toString());
      parent
          .whittle
          .terminal()
          .say(
              "%d arms with seeds %s: %d runs of the recipe"
                  .formatted(study.arms().size(), study.seeds(), study.cells().size()));
    }
  }

  /// `whittle study run`
  @Command(
      name = "run",
      description = {
        "Runs what is not up to date of a study: each of its arms with each of its seeds, in a run"
            + " directory of its own. Stages that several of them have in common run once. A study"
            + " that was killed goes on where it was. The table goes to table.md and table.json in the"
            + " study's directory, too.",
        ""
      })
  static final class Run implements Callable<Integer>, OptionRules {
    @ParentCommand private StudyCommand parent;
    @Spec private CommandSpec spec;
    @Mixin private StudyOption option;

    @Option(
        names = {"-j", "--jobs"},
        paramLabel = "N",
        converter = PositiveInt.class,
        description =
            "Arms and seeds that run at once, each with its share of the processors as threads;"
                + " ${DEFAULT-VALUE} by default.")
    private int jobs = 1;

    @Option(
        names = "--devices",
        split = ",",
        paramLabel = "DEVICE",
        description =
            "Devices to spread the trainings over, such as CUDA0,CUDA1: each training is on one of"
                + " them, whatever the recipe says of its device. The same device twice changes"
                + " nothing.")
    private @Nullable List<String> devices;

    @Option(
        names = "--arms",
        split = ",",
        paramLabel = "ARM",
        description =
            "Run these only: names as 'study show' lists them, or levels, for all arms that have them.")
    private @Nullable List<String> arms;

    @Option(
        names = "--seeds",
        split = ",",
        paramLabel = "SEED",
        description = "Run these of the study's seeds only.")
    private @Nullable List<Long> seeds;

    @Option(
        names = "--retry",
        description =
            "Try again what has failed before. Without this, it stays failed until its settings or"
                + " inputs change.")
    private boolean retry;

    @Option(names = "--force", description = "Run everything anew.")
    private boolean force;

    @Option(names = "--json", description = "Print the table as one JSON object.")
    private boolean json;

    @Override
    public List<OptionRule> rules() {
      return List.of(OptionRule.without(!force, "--force", "--retry"));
    }

    @Override
    public Integer call() throws IOException {
      Whittle whittle = parent.whittle;
      DeviceSpread spread = spread();
      Study study = option.read(whittle, jobs);
      List<Cell> cells = cells(study);
      List<CellResult> results;
      Map<Cell, CellFailure> failures;
      StageCommands commands = new StageCommands(whittle);
      try (Announcements progress = new Announcements(whittle.terminal(), cells.size());
          InterruptionNotice _ =
              new InterruptionNotice(
                  whittle.terminal(), "interrupted; run the study again to go on where it was")) {
        StudyRun run =
            new StudyRun(
                study, () -> new ChildCommands(commands, spread), Versions.ofRun(), progress);
        failures = run.run(new StudyRun.Request(cells, jobs, retry, force));
        results = StudyRun.results(study, commands, failures);
      }
      parent.tabulate(study, results, json);
      return failures.size() == cells.size() ? ExitCode.SOFTWARE : ExitCode.OK;
    }

    private @Nullable DeviceSpread spread() {
      if (devices == null) {
        return null;
      }
      for (String device : devices) {
        try {
          DeviceSelection.parse(device);
        } catch (IllegalArgumentException e) {
          throw new UnusableException("--devices has " + device + ", but " + e.getMessage(), e);
        }
      }
      return new DeviceSpread(devices);
    }

    private List<Cell> cells(Study study) {
      try {
        return study.select(arms, seeds);
      } catch (IllegalArgumentException e) {
        throw new ParameterException(spec.commandLine(), e.getMessage(), e);
      }
    }
  }

  /// Tells how far a study has come.
  private static final class Announcements implements StudyListener, AutoCloseable {
    private final Terminal terminal;
    private final Progress progress;
    private final int cells;
    private int ended;

    Announcements(Terminal terminal, int cells) {
      this.terminal = terminal;
      this.progress = new Progress(terminal, "study", "runs");
      this.cells = cells;
    }

    @Override
    public synchronized void begins(Cell cell, Stage stage) {
      progress.update(ended, cells, cell + ": " + stage.name());
    }

    @Override
    public synchronized void ended(Cell cell) {
      ended++;
      progress.update(ended, cells, cell + " done");
    }

    @Override
    public synchronized void failed(Cell cell, CellFailure failure) {
      say(cell, failure, "");
    }

    @Override
    public synchronized void leftFailed(Cell cell, CellFailure failure) {
      say(cell, failure, " (as before; --retry tries again)");
    }

    private void say(Cell cell, CellFailure failure, String more) {
      progress.close();
      terminal.say(
          cell
              + ": "
              + (failure.stage().isEmpty() ? "" : failure.stage() + " failed: ")
              + failure.reason()
              + more);
      ended++;
    }

    @Override
    public synchronized void close() {
      progress.close();
    }
  }
}
