package dev.whittle.cli.recipe;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/// Reads recipes, and finds what is wrong with them before anything runs.
public final class RecipeReader {
  /// The key of the run directory.
  static final String RUN_DIRECTORY = "run_dir";

  /// The key of what holds for every stage that knows it.
  static final String DEFAULTS = "defaults";

  /// The key, within a stage, of its kind.
  static final String KIND = "stage";

  private static final Pattern STAGE_NAME = Pattern.compile("[a-z][a-z0-9_.-]*");
  private static final YAMLMapper YAML =
      YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final Commands commands;

  public RecipeReader(Commands commands) {
    this.commands = commands;
  }

  /// Reads a recipe.
  ///
  /// @param overrides settings of the form `stage.setting=value` that replace those of the file;
  ///   the value is YAML. Paths in them are relative to the working directory, those in the file to
  ///   the file's folder
  /// @throws RecipeException if the recipe cannot be run: it names what there is not, or a file
  ///   that does not exist and that no stage writes
  public Recipe read(Path file, List<String> overrides) {
    ObjectNode root = parse(file);
    Set<String> overridden = new HashSet<>();
    overrides.forEach(override -> overridden.add(override(file, root, override)));
    Path folder = file.toAbsolutePath().normalize().getParent();
    Path runDirectory = runDirectory(file, root, folder, overridden);
    Map<String, StageKind> kinds = kinds(file, root);
    StageResolver resolver = new StageResolver(file, folder, runDirectory, overridden, commands);
    ObjectNode defaults = object(file, DEFAULTS, root.path(DEFAULTS));
    requireUse(file, defaults, kinds, resolver);
    kinds.forEach((name, kind) -> resolver.add(name, kind, settings(file, root, name), defaults));
    return new Recipe(file, runDirectory, resolver.stages());
  }

  private static ObjectNode parse(Path file) {
    JsonNode root;
    try {
      root = YAML.readTree(Files.readString(file));
    } catch (JacksonException e) {
      throw new RecipeException(
          "%s line %d is not valid YAML: %s"
              .formatted(
                  file,
                  e.getLocation().getLineNr(),
                  e.getOriginalMessage().lines().findFirst().orElse("")),
          e);
    } catch (IOException e) {
      throw new RecipeException(
          "the recipe "
              + file
              + (Files.exists(file) ? " cannot be read" : " does not exist")
              + "; name a YAML file",
          e);
    }
    if (!(root instanceof ObjectNode object) || object.isEmpty()) {
      throw new RecipeException(
          file + " holds no recipe; give it stages, such as 'quantize:' with settings below it");
    }
    return object;
  }

  /// Puts `key.path=value` into the tree.
  ///
  /// @return the key
  private static String override(Path file, ObjectNode root, String override) {
    int equals = override.indexOf('=');
    if (equals < 1) {
      throw new RecipeException(
          "'" + override + "' is no setting; write it as stage.setting=value");
    }
    String key = override.substring(0, equals);
    JsonNode value;
    try {
      JsonNode given = YAML.readTree(override.substring(equals + 1));
      value = given.isMissingNode() ? root.nullNode() : given;
    } catch (JacksonException e) {
      throw new RecipeException(
          "'" + override + "' has no YAML value behind '='; quote what is special in YAML", e);
    }
    if (key.equals(RUN_DIRECTORY)) {
      root.set(key, value);
      return key;
    }
    // A stage's name may have dots in it, a setting's has none.
    int dot = key.lastIndexOf('.');
    String section = dot < 0 ? key : key.substring(0, dot);
    if (!root.has(section) && !section.equals(DEFAULTS)) {
      List<String> known = new ArrayList<>(root.propertyNames());
      known.add(DEFAULTS);
      throw new RecipeException(
          "'%s' sets something in '%s', which %s does not have; %s"
              .formatted(override, section, file, NearestName.mend(section, known)));
    }
    if (dot < 0) {
      throw new RecipeException(
          "'" + override + "' does not say which setting; write it as stage.setting=value");
    }
    if (!(root.path(section) instanceof ObjectNode)) {
      root.set(section, root.objectNode());
    }
    ((ObjectNode) root.get(section)).set(key.substring(dot + 1), value);
    return key;
  }

  private static Path runDirectory(
      Path file, ObjectNode root, Path folder, Set<String> overridden) {
    JsonNode value = root.path(RUN_DIRECTORY);
    if (!value.isString() || value.asString().isBlank()) {
      throw new RecipeException(
          file + " names no run directory; add '" + RUN_DIRECTORY + ": FOLDER'");
    }
    Path base = overridden.contains(RUN_DIRECTORY) ? Path.of("") : folder;
    return base.resolve(value.asString()).toAbsolutePath().normalize();
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
      return YAML.createObjectNode();
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
