package dev.whittle.cli.recipe;

import dev.whittle.io.AtomicFile;
import dev.whittle.training.Digests;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// Runs a recipe: those of its stages that are not up to date.
///
/// A stage is up to date if its outputs are what it wrote, and it wrote them with the same settings
/// from inputs of the same content. A stage that was killed goes on where it was if its command
/// can, else it begins anew.
public final class RecipeRun {
  private final Recipe recipe;
  private final Commands commands;
  private final Map<String, String> versions;
  private final RecipeListener listener;
  private final StageStore store;

  /// @param versions of Whittle and its native libraries, for the records
  public RecipeRun(
      Recipe recipe, Commands commands, Map<String, String> versions, RecipeListener listener) {
    this(recipe, commands, versions, listener, StageStore.NONE);
  }

  /// @param store of stages to take over from other runs
  public RecipeRun(
      Recipe recipe,
      Commands commands,
      Map<String, String> versions,
      RecipeListener listener,
      StageStore store) {
    this.recipe = recipe;
    this.commands = commands;
    this.versions = versions;
    this.listener = listener;
    this.store = store;
  }

  /// What became of a stage.
  ///
  /// @param ran whether it ran, or else was up to date
  /// @param seconds how long it took, now or then
  public record Outcome(Stage stage, boolean ran, double seconds) {}

  /// A stage failed, for a reason that its command has told already.
  public static final class StageException extends RuntimeException {
    private final transient Stage stage;
    private final int exitCode;

    private StageException(Stage stage, int exitCode) {
      super(
          "the stage '"
              + stage.name()
              + "' failed for the reason above; mend it and run the recipe again to go on from here");
      this.stage = stage;
      this.exitCode = exitCode;
    }

    /// The stage that failed.
    public Stage stage() {
      return stage;
    }

    /// The command's exit code.
    public int exitCode() {
      return exitCode;
    }
  }

  /// The stages that [#run] would run: those that are not up to date, and all that read what these
  /// write.
  ///
  /// @throws IOException if a file cannot be read
  public List<Stage> pending() throws IOException {
    List<Stage> pending = new ArrayList<>();
    Set<Path> stale = new HashSet<>();
    for (Stage stage : recipe.stages()) {
      boolean fed =
          stage.inputs().values().stream().flatMap(List::stream).noneMatch(stale::contains);
      if (!fed || !isCurrent(stage, prepare(stage))) {
        pending.add(stage);
        stale.addAll(stage.outputs());
      }
    }
    return pending;
  }

  /// The hash of all that a stage's outputs depend on, as its inputs are now.
  ///
  /// @throws IOException if one of them cannot be read
  public String hash(Stage stage) throws IOException {
    return prepare(stage).hash();
  }

  /// Runs what is not up to date.
  ///
  /// @param anew whether to run all stages from their beginning, and to replace files that no
  ///   earlier run of the recipe wrote
  /// @throws RecipeException if a stage would replace a file that the recipe did not write, if the
  ///   disk is too small, or if another process runs the recipe
  /// @throws StageException if a stage fails
  /// @throws IOException if the run directory cannot be written
  public List<Outcome> run(boolean anew) throws IOException {
    if (!anew) {
      requireOwnOutputs();
    }
    new DiskEstimate(recipe).requireRoom(anew ? recipe.stages() : pending());
    createRunDirectory();
    Path lockFile = recipe.runDirectory().resolve(".lock");
    try (FileChannel channel =
            FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = lock(channel)) {
      writeRecipe();
      List<Outcome> outcomes = new ArrayList<>();
      for (Stage stage : recipe.stages()) {
        outcomes.add(run(stage, outcomes.size() + 1, anew));
      }
      return outcomes;
    }
  }

  private void createRunDirectory() throws IOException {
    try {
      Files.createDirectories(recipe.runDirectory());
    } catch (IOException e) {
      throw new RecipeException(
          "the run directory %s cannot be created; name another with '%s'"
              .formatted(recipe.runDirectory(), RecipeReader.RUN_DIRECTORY),
          e);
    }
    if (!Files.isWritable(recipe.runDirectory())) {
      throw new RecipeException(
          "the run directory %s cannot be written; name another with '%s'"
              .formatted(recipe.runDirectory(), RecipeReader.RUN_DIRECTORY));
    }
  }

  private FileLock lock(FileChannel channel) throws IOException {
    FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException _) {
      lock = null;
    }
    if (lock == null) {
      throw new RecipeException(
          "another process runs a recipe in "
              + recipe.runDirectory()
              + "; wait for it, or name another '"
              + RecipeReader.RUN_DIRECTORY
              + "'");
    }
    return lock;
  }

  private void writeRecipe() throws IOException {
    byte[] yaml = recipe.toYaml().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(
        recipe.runDirectory().resolve("recipe.yaml"),
        true,
        channel -> channel.write(ByteBuffer.wrap(yaml)));
  }

  private void requireOwnOutputs() throws IOException {
    for (Stage stage : recipe.stages()) {
      List<String> own =
          StageRecord.read(recipe.runDirectory(), stage.name())
              .map(StageRecord::writes)
              .orElse(List.of());
      for (Path output : stage.outputs()) {
        if (Files.exists(output) && !own.contains(output.toString())) {
          throw new RecipeException(
              "%s: the stage '%s' would replace %s, which this recipe did not write; name another"
                      .formatted(recipe.file(), stage.name(), output)
                  + " 'output', or add --force");
        }
      }
    }
  }

  private Outcome run(Stage stage, int number, boolean anew) throws IOException {
    StageRecord record = prepare(stage);
    if (!anew && isCurrent(stage, record)) {
      listener.current(stage);
      double seconds =
          StageRecord.read(recipe.runDirectory(), stage.name()).orElseThrow().seconds();
      return new Outcome(stage, false, seconds);
    }
    try (StageStore.Claim claim = store.claim(record.hash())) {
      Optional<StageStore.Finished> elsewhere = claim.finished();
      if (elsewhere.isPresent() && isIntact(elsewhere.get())) {
        listener.current(stage);
        takeOver(stage, record, elsewhere.get());
        return new Outcome(stage, false, elsewhere.get().record().seconds());
      }
      StageRecord done = perform(stage, record, number, anew);
      claim.publish(new StageStore.Finished(done, stage.runDirectory()));
      return new Outcome(stage, true, done.seconds());
    }
  }

  private static boolean isIntact(StageStore.Finished stage) throws IOException {
    for (Fingerprint output : Objects.requireNonNull(stage.record().outputs())) {
      if (!output.isCurrent()) {
        return false;
      }
    }
    return true;
  }

  /// Makes what another run has written this stage's outputs too.
  private void takeOver(Stage stage, StageRecord record, StageStore.Finished other)
      throws IOException {
    List<Fingerprint> sources = Objects.requireNonNull(other.record().outputs());
    List<Fingerprint> written = new ArrayList<>();
    for (int i = 0; i < sources.size(); i++) {
      Path output = stage.outputs().get(i);
      LinkedFiles.link(Path.of(sources.get(i).path()), output);
      written.add(Fingerprint.of(output, List.of()));
    }
    if (stage.runDirectory() != null && other.runDirectory() != null) {
      LinkedFiles.linkFolder(other.runDirectory(), stage.runDirectory());
    }
    record
        .done(written, other.record().finished(), other.record().seconds())
        .write(recipe.runDirectory());
  }

  private StageRecord perform(Stage stage, StageRecord record, int number, boolean anew)
      throws IOException {
    boolean resumed = !anew && isResumable(stage, record);
    listener.begins(stage, number, recipe.stages().size(), resumed);
    for (Path output : stage.outputs()) {
      Files.createDirectories(output.getParent());
    }
    record.write(recipe.runDirectory());
    long start = System.nanoTime();
    int exitCode =
        commands.run(resumed ? CommandSettings.resumed(stage.commandLine()) : stage.commandLine());
    if (exitCode != 0) {
      throw new StageException(stage, exitCode);
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    List<Fingerprint> written = new ArrayList<>();
    for (Path output : stage.outputs()) {
      written.add(Fingerprint.of(output, List.of()));
    }
    String now = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    StageRecord done = record.done(written, now, seconds);
    done.write(recipe.runDirectory());
    return done;
  }

  /// The record with which the stage would begin now.
  private StageRecord prepare(Stage stage) throws IOException {
    Optional<StageRecord> earlier = StageRecord.read(recipe.runDirectory(), stage.name());
    List<Fingerprint> known =
        earlier.stream().flatMap(r -> r.inputs().values().stream()).flatMap(List::stream).toList();
    Map<String, List<Fingerprint>> inputs = new LinkedHashMap<>();
    for (Map.Entry<String, List<Path>> entry : stage.inputs().entrySet()) {
      List<Fingerprint> prints = new ArrayList<>();
      for (Path path : entry.getValue()) {
        prints.add(Fingerprint.of(path, known));
      }
      inputs.put(entry.getKey(), prints);
    }
    return new StageRecord(
        stage.name(),
        stage.kind().label(),
        hash(stage, inputs),
        stage.settings(),
        inputs,
        stage.outputs().stream().map(Path::toString).toList(),
        null,
        null,
        0,
        versions);
  }

  /// Where files lie does not count, only what they hold.
  private static String hash(Stage stage, Map<String, List<Fingerprint>> inputs) {
    StringBuilder text = new StringBuilder(stage.kind().label()).append('\n');
    new TreeMap<>(stage.settings())
        .forEach((setting, values) -> {
          List<String> effective =
              values.stream().filter(value -> stage.kind().hasEffect(setting, value)).toList();
          if (!inputs.containsKey(setting) && !effective.isEmpty()) {
            text.append(setting).append('=').append(effective).append('\n');
          }
        });
    new TreeMap<>(inputs)
        .forEach((setting, prints) ->
            text.append(setting)
                .append('=')
                .append(prints.stream().map(Fingerprint::sha256).toList())
                .append('\n'));
    return Digests.sha256(sink -> sink.update(text.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private boolean isCurrent(Stage stage, StageRecord wanted) throws IOException {
    Optional<StageRecord> earlier = StageRecord.read(recipe.runDirectory(), stage.name());
    return earlier.isPresent() && earlier.get().isCurrent(wanted.hash(), stage.outputs());
  }

  /// Whether the stage was begun with the same settings and inputs, and has left something to go on
  /// with.
  private boolean isResumable(Stage stage, StageRecord wanted) throws IOException {
    Path directory = stage.runDirectory();
    boolean begun = directory == null || Files.exists(directory.resolve("recipe.yaml"));
    if (!stage.resumable() || !begun) {
      return false;
    }
    Optional<StageRecord> earlier = StageRecord.read(recipe.runDirectory(), stage.name());
    return earlier.isPresent()
        && earlier.get().outputs() == null
        && earlier.get().hash().equals(wanted.hash());
  }
}
