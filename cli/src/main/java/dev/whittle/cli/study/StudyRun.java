package dev.whittle.cli.study;

import dev.whittle.cli.recipe.Commands;
import dev.whittle.cli.recipe.Recipe;
import dev.whittle.cli.recipe.RecipeException;
import dev.whittle.cli.recipe.RecipeListener;
import dev.whittle.cli.recipe.RecipeRun;
import dev.whittle.cli.recipe.RecipeRun.StageException;
import dev.whittle.cli.recipe.Stage;
import dev.whittle.training.RunDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;

/// Runs the cells of a study that are not up to date, several at a time. One that fails does not
/// stop the others.
public final class StudyRun {
  /// Beyond are those of processes that a signal ended, which says nothing about their work.
  private static final int LAST_EXIT_CODE = 127;

  private final Study study;
  private final Supplier<CellCommands> commands;
  private final Map<String, String> versions;
  private final StudyListener listener;

  /// @param commands makes those that one cell uses
  /// @param versions of Whittle and its native libraries, for the records
  public StudyRun(
      Study study,
      Supplier<CellCommands> commands,
      Map<String, String> versions,
      StudyListener listener) {
    this.study = study;
    this.commands = commands;
    this.versions = versions;
    this.listener = listener;
  }

  /// Which of the cells to run, and how.
  ///
  /// @param cells some of the study's
  /// @param jobs how many at a time
  /// @param retry whether to try again what has failed before
  /// @param anew whether to run all stages from their beginning
  public record Request(List<Cell> cells, int jobs, boolean retry, boolean anew) {}

  /// Runs what is not up to date.
  ///
  /// @return why cells have no result, now or as before
  /// @throws IOException if the study's directory cannot be read
  public Map<Cell, CellFailure> run(Request request) throws IOException {
    SharedStages shared = request.anew() ? new SharedStages() : SharedStages.of(study.cells());
    Map<Cell, CellFailure> failures = new ConcurrentHashMap<>();
    try (ExecutorService pool = Executors.newFixedThreadPool(request.jobs())) {
      List<Future<?>> all = new ArrayList<>();
      for (Cell cell : request.cells()) {
        all.add(
            pool.submit(() ->
                run(cell, request, shared).ifPresent(failure -> failures.put(cell, failure))));
      }
      for (Future<?> one : all) {
        one.get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while cells were running", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a cell ended in a way that none should", e.getCause());
    }
    return failures;
  }

  /// What has come of all cells of a study so far.
  ///
  /// @param commands those of the recipe's stages, of which none is run
  /// @param failures what [#run] has returned, if it has run
  /// @throws IOException if the study's directory cannot be read
  public static List<CellResult> results(
      Study study, Commands commands, Map<Cell, CellFailure> failures) throws IOException {
    List<CellResult> results = new ArrayList<>();
    for (Cell cell : study.cells()) {
      RecipeRun run = new RecipeRun(cell.recipe(), commands, Map.of(), RecipeListener.SILENT);
      CellFailure known = failures.get(cell);
      results.add(
          CellResult.read(
              cell,
              run,
              known != null ? known : CellFailure.read(cell, run, run.pending()).orElse(null)));
    }
    return results;
  }

  private Optional<CellFailure> run(Cell cell, Request request, SharedStages shared) {
    CellCommands used = commands.get();
    RecipeRun run = new RecipeRun(cell.recipe(), used, versions, new Announcements(cell), shared);
    try {
      Optional<CellFailure> before =
          CellFailure.read(cell, run, run.pending())
              .filter(_ -> !request.retry() && !request.anew());
      if (before.isPresent()) {
        listener.leftFailed(cell, before.get());
        return before;
      }
      CellFailure.forget(cell);
      run.run(request.anew());
      dropCheckpoints(cell.recipe());
      listener.ended(cell);
      return Optional.empty();
    } catch (StageException e) {
      return Optional.of(failed(cell, run, e, used.reason()));
    } catch (RecipeException | IOException | UncheckedIOException e) {
      // Not the cell's doing: it will be tried again.
      CellFailure failure = new CellFailure("", "", String.valueOf(e.getMessage()));
      listener.failed(cell, failure);
      return Optional.of(failure);
    }
  }

  private CellFailure failed(Cell cell, RecipeRun run, StageException e, String reason) {
    String said = reason.isEmpty() ? "ended with exit code " + e.exitCode() : reason;
    String hash = "";
    try {
      hash = run.hash(e.stage());
      CellFailure failure = new CellFailure(e.stage().name(), hash, said);
      if (e.exitCode() <= LAST_EXIT_CODE) {
        failure.write(cell);
      }
    } catch (IOException _) {
      // Without the note, the cell is tried again.
    }
    CellFailure failure = new CellFailure(e.stage().name(), hash, said);
    listener.failed(cell, failure);
    return failure;
  }

  /// Checkpoints take many times the room of the model that came of them, and there are many cells.
  /// Those that another stage goes on from are kept.
  private void dropCheckpoints(Recipe recipe) throws IOException {
    for (Stage stage : recipe.stages()) {
      if (stage.runDirectory() != null && !isGoneOnFrom(stage.name())) {
        RunDirectory.open(stage.runDirectory()).deleteCheckpoints();
      }
    }
  }

  private boolean isGoneOnFrom(String name) {
    return study.cells().stream()
        .flatMap(cell -> cell.recipe().stages().stream())
        .anyMatch(
            stage -> stage.settings().getOrDefault("masters", List.of()).contains("$" + name));
  }

  private final class Announcements implements RecipeListener {
    private final Cell cell;

    Announcements(Cell cell) {
      this.cell = cell;
    }

    @Override
    public void current(Stage stage) {}

    @Override
    public void begins(Stage stage, int number, int stages, boolean resumed) {
      listener.begins(cell, stage);
    }
  }
}
