package dev.whittle.training;

import dev.whittle.io.AtomicFile;
import dev.whittle.io.DiskSpace;
import dev.whittle.io.IoProblem;
import dev.whittle.io.JsonProblem;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLMapper;

/// The folder of a run: `recipe.yaml` (the settings, resolved), `metrics.jsonl` (a line a step),
/// the same for TensorBoard in `tensorboard/`, and `checkpoints/`.
public final class RunDirectory {
  private static final Pattern CHECKPOINT = Pattern.compile("step-(\\d{1,9})\\.gguf");
  private static final String STEP = "step";

  /// What the name of a setting ends with that is the digest of a file.
  private static final String DIGEST = "_sha256";

  private static final int KEPT_CHECKPOINTS = 2;
  private static final ObjectMapper YAML = new YAMLMapper();
  private static final ObjectMapper JSON = new JsonMapper();

  private final Path root;
  private @Nullable TensorBoardLog tensorBoard;

  private RunDirectory(Path root) {
    this.root = root;
  }

  /// Begins a run in a folder that is empty or does not exist.
  ///
  /// @param overwrite whether an earlier run in the folder may be deleted
  /// @throws RunDirectoryException if the folder holds a run that must not be deleted
  /// @throws IOException if it cannot be written
  public static RunDirectory create(Path root, Map<String, Object> recipe, boolean overwrite)
      throws IOException {
    requireUnused(root, overwrite);
    RunDirectory run = new RunDirectory(root);
    if (Files.exists(run.recipeFile())) {
      run.deleteRun();
    }
    try {
      Files.createDirectories(run.checkpoints());
      AtomicFile.write(
          run.recipeFile(),
          true,
          channel -> channel.write(ByteBuffer.wrap(YAML.writeValueAsBytes(recipe))));
      Files.writeString(run.metricsFile(), "");
    } catch (IOException e) {
      throw unwritable(root, e);
    }
    return run;
  }

  static IOException unwritable(Path root, IOException e) {
    return new IOException(
        "the run directory " + root + " cannot be written (" + IoProblem.of(e) + "); name another",
        e);
  }

  /// Fails where [#create] would refuse the folder, so that a run finds out before it begins.
  ///
  /// @throws RunDirectoryException if it is no folder, cannot be written, or holds a run that must
  ///   not be deleted
  public static void requireUnused(Path root, boolean overwrite) throws RunDirectoryException {
    if (Files.exists(root) && !Files.isDirectory(root)) {
      throw new RunDirectoryException(
          "the run directory " + root + " is not a folder; name another");
    }
    if (!overwrite && Files.exists(new RunDirectory(root).recipeFile())) {
      throw new RunDirectoryException(
          root + " holds a run already; resume it, name another folder, or allow overwriting it");
    }
    Path place = DiskSpace.nearestFolder(root);
    if (!Files.isWritable(place)) {
      throw new RunDirectoryException(
          "the run directory "
              + root
              + " cannot be written: no files can be made in "
              + place
              + "; name another");
    }
  }

  /// Opens the folder of an earlier run, to go on with it. A file may lie elsewhere now, where the
  /// settings have the digest of what it holds (`NAME_sha256` beside `NAME`).
  ///
  /// @param recipe the settings to go on with, which must be those of the run
  /// @throws RunDirectoryException if there is no run, or its settings differ: also where one was
  ///   given to only one of the two. The message names the first that does
  public static RunDirectory resume(Path root, Map<String, Object> recipe) throws IOException {
    RunDirectory run = open(root);
    Map<String, Object> earlier = run.recipe();
    Set<String> names = new LinkedHashSet<>(recipe.keySet());
    names.addAll(earlier.keySet());
    for (String name : names) {
      if (earlier.containsKey(name + DIGEST) && recipe.containsKey(name + DIGEST)) {
        continue;
      }
      String before = setting(earlier, name);
      String now = setting(recipe, name);
      if (!before.equals(now)) {
        boolean isDigest =
            name.endsWith(DIGEST) && earlier.containsKey(name) && recipe.containsKey(name);
        throw new RunDirectoryException(
            run.recipeFile()
                + ": "
                + (isDigest ? otherContent(name) : name + " was " + before + " and is " + now)
                + " now; resume with the settings that the run began with");
      }
    }
    return run;
  }

  private static String otherContent(String digest) {
    return "what '" + digest.substring(0, digest.length() - DIGEST.length()) + "' holds is changed";
  }

  private static String setting(Map<String, Object> recipe, String name) {
    return Objects.toString(recipe.get(name), "not given");
  }

  /// Opens the folder of an earlier run.
  ///
  /// @throws IOException if there is none
  public static RunDirectory open(Path root) throws IOException {
    RunDirectory run = new RunDirectory(root);
    if (!Files.isRegularFile(run.recipeFile())) {
      throw new RunDirectoryException(
          root + " holds no run: it has no recipe.yaml; check the folder's name");
    }
    return run;
  }

  private void deleteRun() throws IOException {
    deleteCheckpoints();
    Files.deleteIfExists(metricsFile());
    Files.deleteIfExists(best());
    if (Files.isDirectory(tensorBoardFolder())) {
      try (Stream<Path> logs = Files.list(tensorBoardFolder())) {
        for (Path log : logs.filter(f -> f.toString().contains("tfevents")).toList()) {
          Files.delete(log);
        }
      }
    }
    Files.delete(recipeFile());
  }

  /// The settings of the run.
  ///
  /// @throws IOException if they cannot be read
  public Map<String, Object> recipe() throws IOException {
    try {
      Map<String, Object> recipe = new LinkedHashMap<>();
      YAML.readTree(Files.readString(recipeFile()))
          .properties()
          .forEach(e -> recipe.put(e.getKey(), YAML.treeToValue(e.getValue(), Object.class)));
      return recipe;
    } catch (JacksonException e) {
      // The words that come with it are several lines, a drawing among them.
      String line = e.getLocation() == null ? "" : " line " + e.getLocation().getLineNr();
      throw new RunDirectoryException(
          recipeFile() + line + " is not valid YAML; restore or delete it", e);
    }
  }

  /// Appends a line to the metrics, and its numbers to TensorBoard's log.
  ///
  /// @param line with the number of the step as `step`
  /// @throws IOException if it cannot be written
  public void appendMetrics(Map<String, Object> line) throws IOException {
    Files.writeString(
        metricsFile(),
        JSON.writeValueAsString(line) + "\n",
        java.nio.file.StandardOpenOption.APPEND,
        java.nio.file.StandardOpenOption.CREATE);
    if (line.get(STEP) instanceof Integer step) {
      if (tensorBoard == null) {
        tensorBoard = TensorBoardLog.begin(tensorBoardFolder(), step);
      }
      Map<String, Double> figures = new LinkedHashMap<>();
      line.forEach((name, value) -> {
        if (!name.equals(STEP) && value instanceof Number figure) {
          figures.put(name, figure.doubleValue());
        }
      });
      tensorBoard.append(step, figures);
    }
  }

  /// The values of one of the metrics by their steps, in order; of the lines that have it.
  ///
  /// @throws IOException if the metrics cannot be read
  public SequencedMap<Integer, Double> metric(String name) throws IOException {
    SequencedMap<Integer, Double> values = new LinkedHashMap<>();
    if (!Files.exists(metricsFile())) {
      return values;
    }
    try {
      for (String line : Files.readAllLines(metricsFile())) {
        JsonNode metrics = JSON.readTree(line);
        if (metrics.has(name)) {
          values.put(metrics.path(STEP).asInt(), number(metrics.path(name)));
        }
      }
    } catch (JacksonException e) {
      throw new IOException(
          metricsFile() + " is not valid JSON: " + JsonProblem.of(e) + "; restore it", e);
    }
    return values;
  }

  /// A number of the metrics: JSON has none for NaN and infinity, which are kept as strings.
  private static double number(JsonNode value) {
    return value.isString() ? Double.parseDouble(value.asString()) : value.asDouble();
  }

  /// Where the model of the best step is kept, if the run evaluates its steps.
  public Path best() {
    return root.resolve("best.gguf");
  }

  /// The file with the blocks that the run ships: those of its best step, if its steps are
  /// evaluated, or else the newest checkpoint.
  ///
  /// @throws IOException if the folder cannot be read
  public Optional<Path> shipped() throws IOException {
    return Files.exists(best()) ? Optional.of(best()) : newestCheckpoint();
  }

  /// Drops the metrics of steps behind `step`, which a killed run wrote after its last checkpoint.
  ///
  /// @throws IOException if they cannot be rewritten
  public void truncateMetrics(int step) throws IOException {
    if (!Files.exists(metricsFile())) {
      return;
    }
    StringBuilder kept = new StringBuilder();
    for (String line : Files.readAllLines(metricsFile())) {
      try {
        if (JSON.readTree(line).path(STEP).asInt(Integer.MAX_VALUE) <= step) {
          kept.append(line).append('\n');
        }
      } catch (JacksonException e) {
        // The last line may be cut short where the run was killed.
        break;
      }
    }
    AtomicFile.write(
        metricsFile(),
        true,
        channel ->
            channel.write(ByteBuffer.wrap(kept.toString().getBytes(StandardCharsets.UTF_8))));
  }

  /// Writes a checkpoint and deletes all but the newest ones.
  ///
  /// @throws IOException if it cannot be written
  public Path writeCheckpoint(TrainedWeights weights, Checkpoint.Progress progress)
      throws IOException {
    Path target = checkpoints().resolve("step-%06d.gguf".formatted(progress.step()));
    Checkpoint.write(target, weights, progress);
    List<Path> files = checkpointFiles();
    for (Path old : files.subList(0, Math.max(0, files.size() - KEPT_CHECKPOINTS))) {
      Files.delete(old);
    }
    return target;
  }

  /// The newest checkpoint, if there is one.
  ///
  /// @throws IOException if the folder cannot be read
  public Optional<Path> newestCheckpoint() throws IOException {
    List<Path> files = checkpointFiles();
    return files.isEmpty() ? Optional.empty() : Optional.of(files.getLast());
  }

  /// Deletes all checkpoints: the run can then not be gone on with.
  ///
  /// @throws IOException if one cannot be deleted
  public void deleteCheckpoints() throws IOException {
    for (Path checkpoint : checkpointFiles()) {
      Files.delete(checkpoint);
    }
  }

  private List<Path> checkpointFiles() throws IOException {
    if (!Files.isDirectory(checkpoints())) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(checkpoints())) {
      return files
          .filter(f -> CHECKPOINT.matcher(f.getFileName().toString()).matches())
          .sorted(Comparator.comparingInt(RunDirectory::step))
          .toList();
    }
  }

  private static int step(Path checkpoint) {
    Matcher matcher = CHECKPOINT.matcher(Objects.toString(checkpoint.getFileName()));
    return matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
  }

  public Path root() {
    return root;
  }

  private Path recipeFile() {
    return root.resolve("recipe.yaml");
  }

  private Path metricsFile() {
    return root.resolve("metrics.jsonl");
  }

  private Path tensorBoardFolder() {
    return root.resolve("tensorboard");
  }

  private Path checkpoints() {
    return root.resolve("checkpoints");
  }
}
