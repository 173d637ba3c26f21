package dev.whittle.cli.recipe;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Reads recipes, and finds what is wrong with them before anything runs.
public final class RecipeReader {
  /// The key of the run directory.
  static final String RUN_DIRECTORY = "run_dir";

  /// The key of what holds for every stage that knows it.
  static final String DEFAULTS = "defaults";

  /// The key, within a stage, of its kind.
  static final String KIND = "stage";

  private static final Pattern STAGE_NAME = Pattern.compile("[a-z][a-z0-9_.-]*");

  private final Commands commands;

  public RecipeReader(Commands commands) {
    this.commands = commands;
  }

  /// Reads a recipe.
  ///
  /// @param overrides settings of the form `stage.setting=value` that replace those of the file, as
  ///   [RecipeDraft#set(String)] takes them
  /// @throws RecipeException if the recipe cannot be run: it names what there is not, or a file
  ///   that does not exist and that no stage writes
  public Recipe read(Path file, List<String> overrides) {
    RecipeDraft draft = RecipeDraft.read(file);
    overrides.forEach(draft::set);
    return read(draft);
  }

  /// Resolves a recipe.
  ///
  /// @throws RecipeException as above
  public Recipe read(RecipeDraft draft) {
    Path file = draft.file();
    ObjectNode root = draft.root();
    Path runDirectory = runDirectory(draft);
    Map<String, StageKind> kinds = kinds(file, root);
    StageResolver resolver = new StageResolver(draft, runDirectory, commands);
    ObjectNode defaults = object(file, DEFAULTS, root.path(DEFAULTS));
    requireUse(file, defaults, kinds, resolver);
    kinds.forEach((name, kind) -> resolver.add(name, kind, settings(file, root, name), defaults));
    return new Recipe(file, runDirectory, resolver.stages());
  }

  private static Path runDirectory(RecipeDraft draft) {
    JsonNode value = draft.root().path(RUN_DIRECTORY);
    if (!value.isString() || value.asString().isBlank()) {
      throw new RecipeException(
          draft.file() + " names no run directory; add '" + RUN_DIRECTORY + ": FOLDER'");
    }
    return draft.folder(RUN_DIRECTORY).resolve(value.asString()).toAbsolutePath().normalize();
  }

  private static Map<String, StageKind> kinds(Path file, ObjectNode root) {
    Map<String, StageKind> kinds = new LinkedHashMap<>();
    for (String name : root.propertyNames()) {
      if (!name.equals(RUN_DIRECTORY) && !name.equals(DEFAULTS)) {
        kinds.put(name, kind(file, name, object(file, name, root.get(name))));
      }
    }
    if (kinds.isEmpty()) {
      throw new RecipeException(
          file + " has no stages; add one of " + String.join(", ", StageKind.labels()));
    }
    return kinds;
  }

  private static StageKind kind(Path file, String name, ObjectNode stage) {
    JsonNode stated = stage.path(KIND);
    String kind = stated.isMissingNode() ? name : stated.asString("");
    Optional<StageKind> known = StageKind.ofName(kind);
    if (known.isEmpty()) {
      List<String> names = new ArrayList<>(StageKind.labels());
      if (stated.isMissingNode()) {
        names.addAll(List.of(RUN_DIRECTORY, DEFAULTS));
      }
      throw new RecipeException(
          stated.isMissingNode()
              ? "%s: '%s' is no kind of stage; %s"
                  .formatted(
                      file,
                      name,
                      NearestName.of(name, names)
                          .map(nearest -> "did you mean '" + nearest + "'?")
                          .orElse("say which with '" + KIND + ": KIND' below it"))
              : "%s: %s.%s is '%s', which is no kind of stage; %s"
                  .formatted(file, name, KIND, kind, NearestName.mend(kind, names)));
    }
    if (!STAGE_NAME.matcher(name).matches()) {
      throw new RecipeException(
          "%s: the stage '%s' cannot name files; use small letters, digits and hyphens"
              .formatted(file, name));
    }
    return known.get();
  }

  /// A section of the recipe; one with nothing below its key has no settings.
  private static ObjectNode object(Path file, String name, JsonNode node) {
    if (node instanceof ObjectNode object) {
      return object;
    }
    if (node.isMissingNode() || node.isNull()) {
      return RecipeDraft.YAML.createObjectNode();
    }
    throw new RecipeException(
        "%s: %s has no settings below it; write them as 'name: value', indented"
            .formatted(file, name));
  }

  private static ObjectNode settings(Path file, ObjectNode root, String stage) {
    ObjectNode settings = object(file, stage, root.get(stage)).deepCopy();
    settings.remove(KIND);
    return settings;
  }

  /// Fails where a default is for no stage at all.
  private static void requireUse(
      Path file, ObjectNode defaults, Map<String, StageKind> kinds, StageResolver resolver) {
    Set<String> known = new HashSet<>();
    new HashSet<>(kinds.values()).forEach(kind -> known.addAll(resolver.settings(kind).names()));
    for (String name : defaults.propertyNames()) {
      if (!known.contains(name)) {
        throw new RecipeException(
            "%s: no stage knows %s.%s; %s"
                .formatted(
                    file,
                    DEFAULTS,
                    name,
                    NearestName.mend(name, known.stream().sorted().toList())));
      }
    }
  }
}
