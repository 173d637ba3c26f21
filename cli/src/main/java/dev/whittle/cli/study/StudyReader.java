package dev.whittle.cli.study;

import dev.whittle.cli.recipe.Commands;
import dev.whittle.cli.recipe.IdleOption;
import dev.whittle.cli.recipe.NearestName;
import dev.whittle.cli.recipe.RecipeDraft;
import dev.whittle.cli.recipe.RecipeDraft.Assignment;
import dev.whittle.cli.recipe.RecipeException;
import dev.whittle.cli.recipe.RecipeReader;
import dev.whittle.cli.recipe.Stage;
import dev.whittle.cli.recipe.StageKind;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedMap;
import java.util.Set;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Reads studies, and finds what is wrong with any of their cells before the first one runs.
public final class StudyReader {
  private static final String DIRECTORY = "study_dir";
  private static final String RECIPE = "recipe";
  private static final String FACTORS = "factors";
  private static final String SEEDS = "seeds";
  private static final String COLUMNS = "columns";
  private static final List<String> KEYS = List.of(DIRECTORY, RECIPE, FACTORS, SEEDS, COLUMNS);

  /// What is to differ from seed to seed. Where a study starts from is not: the seed of 'quantize'
  /// is that of a rotation, and as good a setting as any other.
  private static final Set<StageKind> SEEDED =
      Set.of(StageKind.SYNTHESIZE, StageKind.DISTILL, StageKind.GRPO);

  /// Levels name folders.
  private static final Pattern LEVEL = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.+-]*");

  private final Commands commands;
  private final int threads;

  /// @param threads of each stage that says nothing of its own
  public StudyReader(Commands commands, int threads) {
    this.commands = commands;
    this.threads = threads;
  }

  /// Reads a study.
  ///
  /// @param overrides settings of the form `key=value` that replace those of the file: `study_dir`,
  ///   `seeds`, or `stage.setting` of the recipe. Paths in them are relative to the working
  ///   directory, those in the file to the file's folder
  /// @throws RecipeException if the study cannot be run
  public Study read(Path file, List<String> overrides) {
    ObjectNode root =
        RecipeDraft.parse(
            file, "study", "give it " + String.join(", ", KEYS) + " with what belongs to them");
    for (String key : root.propertyNames()) {
      if (!KEYS.contains(key)) {
        throw new RecipeException(
            "%s: '%s' is unknown; %s".formatted(file, key, NearestName.mend(key, KEYS)));
      }
    }
    Path folder = file.toAbsolutePath().normalize().getParent();
    RecipeDraft draft = recipe(file, folder, root);
    Path base = folder;
    List<String> overridden = new ArrayList<>();
    for (String override : overrides) {
      Assignment assignment = Assignment.parse(override);
      if (assignment.key().equals(DIRECTORY)) {
        base = Path.of("").toAbsolutePath();
        root.set(DIRECTORY, assignment.value());
      } else if (assignment.key().equals(SEEDS)) {
        root.set(SEEDS, assignment.value());
      } else {
        draft.set(override);
        overridden.add(assignment.key());
      }
    }
    Path directory = base.resolve(text(file, root, DIRECTORY)).normalize();
    List<Arm> arms = arms(file, root);
    for (String key : overridden) {
      for (Arm arm : arms) {
        if (arm.settings().containsKey(key)) {
          throw new RecipeException(
              "%s is what the arms of %s differ in; leave it out, or run some of them with --arms"
                  .formatted(key, file));
        }
      }
    }
    List<Long> seeds = seeds(file, root);
    List<Cell> cells = cells(draft, folder, directory, arms, seeds, root.has(SEEDS));
    List<Column> columns = columns(file, root, cells);
    requireOwnOutputs(file, cells);
    return new Study(
        file,
        directory,
        List.copyOf(root.path(FACTORS).propertyNames()),
        arms,
        seeds,
        columns,
        cells);
  }

  private static RecipeDraft recipe(Path file, Path folder, ObjectNode root) {
    JsonNode recipe = root.path(RECIPE);
    if (recipe instanceof ObjectNode object) {
      return RecipeDraft.of(file, object);
    }
    return RecipeDraft.read(folder.resolve(text(file, root, RECIPE)).normalize());
  }

  private static String text(Path file, ObjectNode root, String key) {
    JsonNode value = root.path(key);
    if (!value.isString() || value.asString().isBlank()) {
      throw new RecipeException(
          "%s has no %s; add '%s: %s'"
              .formatted(
                  file, key, key, key.equals(RECIPE) ? "FILE', or stages below it" : "FOLDER"));
    }
    return value.asString();
  }

  private static ObjectNode table(Path file, String key, JsonNode node, String mend) {
    if (node instanceof ObjectNode object && !object.isEmpty()) {
      return object;
    }
    throw new RecipeException("%s: %s has nothing below it; %s".formatted(file, key, mend));
  }

  /// Every combination of a level of each factor, the last one changing first.
  private static List<Arm> arms(Path file, ObjectNode root) {
    ObjectNode factors =
        table(file, FACTORS, root.path(FACTORS), "name one, and below it its levels");
    List<Arm> arms = List.of(new Arm(new LinkedHashMap<>(), new LinkedHashMap<>()));
    for (String factor : factors.propertyNames()) {
      String key = FACTORS + "." + factor;
      ObjectNode levels =
          table(
              file,
              key,
              factors.get(factor),
              "name its levels, and below each of them the settings that make it");
      List<Arm> combined = new ArrayList<>();
      for (Arm arm : arms) {
        for (String level : levels.propertyNames()) {
          combined.add(with(file, arm, factor, level, levels.get(level)));
        }
      }
      arms = combined;
    }
    return arms;
  }

  private static Arm with(Path file, Arm arm, String factor, String level, JsonNode node) {
    String key = "%s.%s.%s".formatted(FACTORS, factor, level);
    if (!LEVEL.matcher(level).matches()) {
      throw new RecipeException(
          "%s: %s cannot name a folder; use letters, digits, hyphens, dots and plus signs"
              .formatted(file, key));
    }
    if (!(node instanceof ObjectNode) && !node.isNull()) {
      throw new RecipeException(
          "%s: %s has no settings below it; write them as 'stage.setting: value', indented"
              .formatted(file, key));
    }
    SequencedMap<String, String> levels = new LinkedHashMap<>(arm.levels());
    levels.put(factor, level);
    SequencedMap<String, JsonNode> settings = new LinkedHashMap<>(arm.settings());
    for (String setting : node.propertyNames()) {
      if (!setting.contains(".")) {
        throw new RecipeException(
            "%s: %s.%s does not say of which stage it is a setting; write stage.setting"
                .formatted(file, key, setting));
      }
      if (settings.put(setting, node.get(setting)) != null) {
        throw new RecipeException(
            "%s: %s sets %s, and so does another factor; leave it to one of them"
                .formatted(file, key, setting));
      }
    }
    return new Arm(levels, settings);
  }

  private static List<Long> seeds(Path file, ObjectNode root) {
    if (!root.has(SEEDS)) {
      return List.of(1L);
    }
    Set<Long> seeds = new LinkedHashSet<>();
    for (JsonNode seed : root.get(SEEDS)) {
      if (!seed.isIntegralNumber() || !seeds.add(seed.asLong())) {
        throw new RecipeException(
            "%s: seeds has '%s' in it, which is no whole number or is there twice; correct it"
                .formatted(file, seed.asString()));
      }
    }
    if (seeds.isEmpty()) {
      throw new RecipeException(
          file + ": seeds is no list of numbers; write it as 'seeds: [1, 2, 3]'");
    }
    return List.copyOf(seeds);
  }

  private List<Cell> cells(
      RecipeDraft draft,
      Path folder,
      Path directory,
      List<Arm> arms,
      List<Long> seeds,
      boolean seeded) {
    if (!draft.has("defaults", "threads")) {
      draft.suggest("defaults.threads", JsonNodeFactory.instance.numberNode(threads), folder);
    }
    List<Cell> cells = new ArrayList<>();
    for (long seed : seeds) {
      // What is wrong with an arm's options is wrong with every seed.
      RecipeReader reader =
          new RecipeReader(seed == seeds.getFirst() ? commands : new Unchecked(commands));
      for (Arm arm : arms) {
        RecipeDraft own = draft.copy();
        arm.settings().forEach((key, value) -> own.set(key, value, folder));
        for (String stage : seeded ? own.sections(SEEDED) : List.<String>of()) {
          if (!own.has(stage, "seed")) {
            own.suggest(stage + ".seed", JsonNodeFactory.instance.numberNode(seed), folder);
          }
        }
        Path run = directory.resolve(arm.name()).resolve("seed-" + seed);
        own.set("run_dir", JsonNodeFactory.instance.stringNode(run.toString()), folder);
        cells.add(new Cell(arm, seed, reader.read(own)));
      }
    }
    return cells;
  }

  private static List<Column> columns(Path file, ObjectNode root, List<Cell> cells) {
    Set<String> stages = new LinkedHashSet<>();
    for (Cell cell : cells) {
      cell.recipe().stages().stream()
          .filter(stage -> stage.kind() == StageKind.EVAL)
          .map(Stage::name)
          .forEach(stages::add);
    }
    if (stages.isEmpty()) {
      throw new RecipeException(
          file + ": the recipe evaluates nothing; add a stage of the kind 'eval'");
    }
    ObjectNode node =
        table(file, COLUMNS, root.path(COLUMNS), "name one, as in 'accuracy: eval.accuracy'");
    List<Column> columns = new ArrayList<>();
    for (String heading : node.propertyNames()) {
      String text = node.get(heading).asString("");
      try {
        columns.add(Column.parse(heading, text, stages));
      } catch (IllegalArgumentException e) {
        throw new RecipeException(
            "%s: %s.%s is '%s', which %s".formatted(file, COLUMNS, heading, text, e.getMessage()),
            e);
      }
    }
    return columns;
  }

  /// Fails where cells would write the same file.
  private static void requireOwnOutputs(Path file, List<Cell> cells) {
    Set<Path> written = new HashSet<>();
    for (Cell cell : cells) {
      for (Stage stage : cell.recipe().stages()) {
        for (Path output : stage.outputs()) {
          if (!written.add(output)) {
            throw new RecipeException(
                "%s: the stage '%s' would write %s for every arm; leave out its 'output'"
                    .formatted(file, stage.name(), output));
          }
        }
      }
    }
  }

  /// Commands whose arguments have been looked at already.
  private record Unchecked(Commands commands) implements Commands {
    @Override
    public picocli.CommandLine.Model.CommandSpec specification(String command) {
      return commands.specification(command);
    }

    @Override
    public List<IdleOption> idle(List<String> arguments) {
      return commands.idle(arguments);
    }

    @Override
    public void check(List<String> arguments) {}

    @Override
    public int run(List<String> arguments) {
      return commands.run(arguments);
    }
  }
}
