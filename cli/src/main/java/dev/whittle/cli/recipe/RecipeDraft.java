package dev.whittle.cli.recipe;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/// A recipe as it is written, and settings that replace some of it, before anything is resolved.
public final class RecipeDraft {
  /// How the parser of YAML names a place.
  private static final Pattern PLACE = Pattern.compile("in reader, line (\\d+)");

  static final YAMLMapper YAML =
      YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final Path file;
  private final ObjectNode root;

  /// What paths are relative to in settings that the file does not make.
  private final Map<String, Path> folders;

  /// Settings that have replaced those of the file, or stand beside them.
  private final Set<String> replaced;

  /// Settings that no one has asked for.
  private final Set<String> suggested;

  private RecipeDraft(
      Path file,
      ObjectNode root,
      Map<String, Path> folders,
      Set<String> replaced,
      Set<String> suggested) {
    this.file = file;
    this.root = root;
    this.folders = new HashMap<>(folders);
    this.replaced = new HashSet<>(replaced);
    this.suggested = new HashSet<>(suggested);
  }

  /// Reads the file of a recipe.
  ///
  /// @throws RecipeException if it cannot be read, or is not YAML
  public static RecipeDraft read(Path file) {
    return of(
        file, parse(file, "recipe", "give it stages, such as 'quantize:' with settings below it"));
  }

  /// A recipe that is a part of another file.
  ///
  /// @param root its sections; a copy is taken
  public static RecipeDraft of(Path file, ObjectNode root) {
    return new RecipeDraft(file, root.deepCopy(), Map.of(), Set.of(), Set.of());
  }

  /// Another draft of the same.
  public RecipeDraft copy() {
    return new RecipeDraft(file, root.deepCopy(), folders, replaced, suggested);
  }

  /// The parser's words; its lines with places in the file, and what is there, are indented.
  private static String problem(JacksonException e) {
    return e.getOriginalMessage()
        .lines()
        .filter(line -> !line.isBlank() && !line.startsWith(" "))
        .collect(Collectors.joining(", "));
  }

  /// Where the parser found the problem: Jackson only knows where it last found none.
  private static int line(JacksonException e) {
    return PLACE
        .matcher(e.getOriginalMessage())
        .results()
        .reduce((_, last) -> last)
        .map(place -> Integer.parseInt(place.group(1)))
        .orElseGet(() -> e.getLocation().getLineNr());
  }

  /// The tree of a YAML file.
  ///
  /// @param what the file is to hold, for messages, as in `the recipe a.yaml does not exist`
  /// @param mend what to do where there is nothing in it
  /// @throws RecipeException if it cannot be read, is not YAML, or is not a table
  public static ObjectNode parse(Path file, String what, String mend) {
    JsonNode root;
    try {
      root = YAML.readTree(Files.readString(file));
    } catch (JacksonException e) {
      throw new RecipeException(
          "%s line %d is not valid YAML: %s".formatted(file, line(e), problem(e)), e);
    } catch (IOException e) {
      throw new RecipeException(
          "the %s %s %s; name a YAML file"
              .formatted(what, file, Files.exists(file) ? "cannot be read" : "does not exist"),
          e);
    }
    if (!(root instanceof ObjectNode object) || object.isEmpty()) {
      throw new RecipeException("%s holds no %s; %s".formatted(file, what, mend));
    }
    return object;
  }

  /// A setting on a command line.
  ///
  /// @param key of the form `stage.setting`
  public record Assignment(String key, JsonNode value) {
    /// Reads `key=value`; the value is YAML.
    ///
    /// @throws RecipeException if it is of another form
    public static Assignment parse(String text) {
      int equals = text.indexOf('=');
      if (equals < 1) {
        throw new RecipeException("'" + text + "' is no setting; write it as stage.setting=value");
      }
      try {
        JsonNode given = YAML.readTree(text.substring(equals + 1));
        return new Assignment(
            text.substring(0, equals), given.isMissingNode() ? YAML.nullNode() : given);
      } catch (JacksonException e) {
        throw new RecipeException(
            "'" + text + "' has no YAML value behind '='; quote what is special in YAML", e);
      }
    }
  }

  /// Replaces a setting by what a command line says: `stage.setting=value`. Paths in it are
  /// relative to the working directory.
  ///
  /// @throws RecipeException if it is of another form, or the recipe has no such stage
  public void set(String text) {
    Assignment assignment = Assignment.parse(text);
    set(assignment.key(), assignment.value(), Path.of("").toAbsolutePath());
  }

  /// Replaces a setting.
  ///
  /// @param key `stage.setting`, or `run_dir`
  /// @param value null of YAML to take the setting away
  /// @param folder what paths in the value are relative to
  /// @throws RecipeException if the recipe has no such stage
  public void set(String key, JsonNode value, Path folder) {
    put(key, value, folder);
    replaced.add(key);
  }

  /// The same for a setting that may have no effect.
  public void suggest(String key, JsonNode value, Path folder) {
    put(key, value, folder);
    suggested.add(key);
  }

  private void put(String key, JsonNode value, Path folder) {
    folders.put(key, folder);
    if (key.equals(RecipeReader.RUN_DIRECTORY)) {
      root.set(key, value);
      return;
    }
    String section = section(key);
    if (!root.has(section) && !section.equals(RecipeReader.DEFAULTS)) {
      List<String> known = new ArrayList<>(root.propertyNames());
      known.add(RecipeReader.DEFAULTS);
      throw new RecipeException(
          "'%s' is a setting of '%s', which %s does not have; %s"
              .formatted(key, section, file, NearestName.mend(section, known)));
    }
    if (section.equals(key)) {
      throw new RecipeException(
          "'" + key + "' does not say which setting; write it as stage.setting=value");
    }
    if (!(root.path(section) instanceof ObjectNode)) {
      root.set(section, root.objectNode());
    }
    ((ObjectNode) root.get(section)).set(key.substring(section.length() + 1), value);
  }

  /// A stage's name may have dots in it, a setting's has none.
  private static String section(String key) {
    int dot = key.lastIndexOf('.');
    return dot < 0 ? key : key.substring(0, dot);
  }

  /// Whether something is wrong where a setting of a section has no effect. Where some of the
  /// section's settings have been replaced, by a command line or an arm of a study, the others were
  /// not written for them, and may go without.
  boolean mustHaveEffect(String section, String setting) {
    String key = section + "." + setting;
    return replaced.contains(key)
        || (!suggested.contains(key)
            && replaced.stream()
                .map(RecipeDraft::section)
                .noneMatch(other -> other.equals(section) || other.equals(RecipeReader.DEFAULTS)));
  }

  /// Whether a section has a setting.
  public boolean has(String section, String setting) {
    return root.path(section).has(setting);
  }

  /// The stages of some kinds, by their names.
  public List<String> sections(Set<StageKind> kinds) {
    return root.propertyNames().stream()
        .filter(name -> {
          String kind = root.get(name).path(RecipeReader.KIND).asString(name);
          return StageKind.ofName(kind).filter(kinds::contains).isPresent();
        })
        .toList();
  }

  Path file() {
    return file;
  }

  ObjectNode root() {
    return root;
  }

  /// What paths in a setting are relative to.
  Path folder(String key) {
    return folders.getOrDefault(key, file.toAbsolutePath().normalize().getParent());
  }
}
