package dev.whittle.cli.recipe;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ParameterException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Makes stages of a recipe's sections, one after the other: references become files, lists where
/// one value is wanted become several stages, and what is not said gets its default.
final class StageResolver {
  private static final String REFERENCE = "$";
  private static final Pattern PREAMBLE =
      Pattern.compile("^Invalid value for (option|positional parameter)[^:]*: ");

  private final RecipeDraft draft;
  private final Path file;
  private final Path runDirectory;
  private final Commands commands;
  private final Map<StageKind, CommandSettings> settings = new EnumMap<>(StageKind.class);
  private final List<Stage> stages = new ArrayList<>();

  /// The stages that a section has become.
  private final Map<String, List<Stage>> sections = new LinkedHashMap<>();

  /// Which stage writes a file.
  private final Map<Path, Stage> writers = new HashMap<>();

  StageResolver(RecipeDraft draft, Path runDirectory, Commands commands) {
    this.draft = draft;
    this.file = draft.file();
    this.runDirectory = runDirectory;
    this.commands = commands;
  }

  /// A value of a setting.
  ///
  /// @param text as the command gets it
  /// @param shown as a recipe has it
  /// @param label what a stage is called after, of several that differ in this setting
  private record Value(String text, String shown, String label) {}

  List<Stage> stages() {
    return List.copyOf(stages);
  }

  CommandSettings settings(StageKind kind) {
    return settings.computeIfAbsent(
        kind, k -> new CommandSettings(k, commands.specification(k.command())));
  }

  /// Resolves a section, with what `defaults` say where it says nothing.
  void add(String section, StageKind kind, ObjectNode said, ObjectNode defaults) {
    CommandSettings known = settings(kind);
    Map<String, List<Value>> values = new LinkedHashMap<>();
    for (String name : said.propertyNames()) {
      if (!known.names().contains(name)) {
        throw new RecipeException(
            "%s: %s.%s is unknown; %s"
                .formatted(file, section, name, NearestName.mend(name, known.names())));
      }
      put(values, kind, section, section, name, said.get(name));
    }
    for (String name : defaults.propertyNames()) {
      if (known.names().contains(name) && !said.has(name)) {
        put(values, kind, section, RecipeReader.DEFAULTS, name, defaults.get(name));
      }
    }
    List<String> alternatives =
        values.keySet().stream()
            .filter(name -> !known.isMultiple(name) && values.get(name).size() > 1)
            .toList();
    if (alternatives.size() > 1) {
      throw new RecipeException(
          "%s: %s has several values for '%s' and for '%s', where only one setting may have them;"
                  .formatted(file, section, alternatives.get(0), alternatives.get(1))
              + " make two stages of it");
    }
    List<Stage> made = new ArrayList<>();
    List<Map<String, String>> idle = new ArrayList<>();
    if (alternatives.isEmpty()) {
      made.add(stage(section, section, kind, values, idle));
    } else {
      String name = alternatives.getFirst();
      for (Value value : values.get(name)) {
        Map<String, List<Value>> one = new LinkedHashMap<>(values);
        one.put(name, List.of(value));
        made.add(stage(section + "-" + value.label(), section, kind, one, idle));
      }
    }
    requireEffect(section, said.propertyNames(), idle);
    sections.put(section, made);
  }

  /// Fails where a setting that a section says has an effect in none of its stages.
  ///
  /// @param idle why settings have none, in each of them
  private void requireEffect(
      String section, Collection<String> said, List<Map<String, String>> idle) {
    for (String name : said) {
      if (draft.mustHaveEffect(section, name)
          && idle.stream().allMatch(reasons -> reasons.containsKey(name))) {
        throw new RecipeException(
            "%s: %s.%s %s".formatted(file, section, name, idle.getFirst().get(name)));
      }
    }
  }

  private void put(
      Map<String, List<Value>> values,
      StageKind kind,
      String section,
      String origin,
      String name,
      JsonNode node) {
    String key = origin + "." + name;
    List<Value> list = new ArrayList<>();
    for (JsonNode element : node.isArray() ? node : List.of(node)) {
      if (element.isContainer()) {
        throw new RecipeException(
            "%s: %s is a table, where a value or a list of values is expected"
                .formatted(file, key));
      }
      if (!element.isNull()) {
        String text = element.asString();
        if (text.startsWith(REFERENCE)) {
          list.addAll(referenced(kind.isRunDirectory(name), key, section, text.substring(1)));
        } else {
          list.add(value(kind, key, name, text));
        }
      }
    }
    if (!list.isEmpty()) {
      values.put(name, list);
    } else if (node.isArray()) {
      throw new RecipeException("%s: %s is an empty list; leave it out".formatted(file, key));
    }
  }

  /// What the stage or stages of this name write.
  ///
  /// @param runDirectory whether their run directory is meant, and not their output
  private List<Value> referenced(boolean runDirectory, String key, String section, String name) {
    List<Stage> sources =
        sections.containsKey(name)
            ? sections.get(name)
            : stages.stream().filter(stage -> stage.name().equals(name)).toList();
    if (sources.isEmpty()) {
      List<String> known = new ArrayList<>(sections.keySet());
      stages.stream().map(Stage::name).filter(n -> !known.contains(n)).forEach(known::add);
      throw new RecipeException(
          "%s: %s refers to '$%s', but no stage before '%s' is called so; %s"
              .formatted(
                  file,
                  key,
                  name,
                  section,
                  known.isEmpty() ? "name a file" : NearestName.mend(name, known)));
    }
    return sources.stream()
        .map(stage ->
            new Value(
                String.valueOf(
                    runDirectory && stage.runDirectory() != null
                        ? stage.runDirectory()
                        : stage.outputs().getFirst()),
                REFERENCE + stage.name(),
                stage.name()))
        .toList();
  }

  private Value value(StageKind kind, String key, String name, String text) {
    if (!kind.isPath(name, text)) {
      return new Value(text, text, label(text));
    }
    Path path;
    try {
      path = draft.folder(key).resolve(text).normalize();
    } catch (InvalidPathException e) {
      throw new RecipeException(
          "%s: %s is '%s', which cannot be a file's name; correct it".formatted(file, key, text),
          e);
    }
    String stem = String.valueOf(path.getFileName()).replaceFirst("\\.[^.]*$", "");
    return new Value(path.toString(), path.toString(), label(stem));
  }

  private static String label(String text) {
    return text.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9_.]+", "-");
  }

  /// @param idle gets why settings have no effect in this stage, which goes without them
  private Stage stage(
      String name,
      String section,
      StageKind kind,
      Map<String, List<Value>> values,
      List<Map<String, String>> idle) {
    CommandSettings known = settings(kind);
    Map<String, List<String>> texts = new LinkedHashMap<>();
    Map<String, List<String>> shown = new LinkedHashMap<>();
    values.forEach((setting, list) -> {
      texts.put(setting, list.stream().map(Value::text).toList());
      shown.put(setting, list.stream().map(Value::shown).toList());
    });
    addDefaults(name, kind, texts, shown);
    known
        .missing(texts)
        .ifPresent(setting -> {
          throw new RecipeException("%s: %s lacks '%s'; add it".formatted(file, section, setting));
        });
    Path directory = known.hasRunDirectory() ? runDirectory.resolve(name) : null;
    Map<String, String> reasons = idle(section, known, texts, directory);
    idle.add(reasons);
    texts.keySet().removeAll(reasons.keySet());
    shown.keySet().removeAll(reasons.keySet());
    Map<String, List<Path>> inputs = inputs(section, kind, texts);
    if (kind == StageKind.REPORT) {
      // It shows whatever there is.
      inputs.put("stages", stages.stream().flatMap(s -> s.outputs().stream()).toList());
    }
    List<Path> outputs =
        kind.outputs().keySet().stream()
            .sorted()
            .map(setting -> Path.of(texts.get(setting).getFirst()))
            .toList();
    Stage stage =
        new Stage(
            name,
            kind,
            shown,
            commandLine(section, known, texts, directory),
            inputs,
            outputs,
            known.isResumable(),
            directory);
    for (Path output : outputs) {
      Stage other = writers.put(output, stage);
      if (other != null) {
        throw new RecipeException(
            "%s: %s and %s write the same file, %s; name another with 'output'"
                .formatted(file, other.name(), name, output));
      }
    }
    parsed(section, known, () -> commands.check(stage.commandLine()));
    stages.add(stage);
    return stage;
  }

  private void addDefaults(
      String name,
      StageKind kind,
      Map<String, List<String>> texts,
      Map<String, List<String>> shown) {
    Map<String, List<String>> defaults = settings(kind).defaults();
    kind.outputs()
        .forEach((setting, extension) ->
            defaults.put(
                setting, List.of(runDirectory.resolve(name + "." + extension).toString())));
    if (kind == StageKind.REPORT) {
      defaults.put("run", List.of(runDirectory.toString()));
    }
    Stage writer = writers.get(Path.of(texts.getOrDefault("model", List.of("")).getFirst()));
    if (kind == StageKind.EXPORT && writer != null) {
      defaults.put("record", List.of(StageRecord.file(runDirectory, writer.name()).toString()));
    }
    defaults.forEach((setting, value) -> {
      texts.putIfAbsent(setting, value);
      // How many threads there are is for the machine to say.
      if (kind.hasEffect(setting, value.getFirst()) || kind.isPath(setting, value.getFirst())) {
        shown.putIfAbsent(setting, value);
      }
    });
  }

  private Map<String, List<Path>> inputs(
      String section, StageKind kind, Map<String, List<String>> texts) {
    Map<String, List<Path>> inputs = new LinkedHashMap<>();
    texts.forEach((setting, list) -> {
      for (String text : list) {
        if (kind != StageKind.REPORT && kind.isInput(setting, text)) {
          // What a run directory holds is another form of what the stage wrote.
          Path named = Path.of(text);
          Path path =
              stages.stream()
                  .filter(stage -> named.equals(stage.runDirectory()))
                  .map(stage -> stage.outputs().getFirst())
                  .findFirst()
                  .orElse(named);
          requireReadable(section + "." + setting, path);
          inputs.computeIfAbsent(setting, s -> new ArrayList<>()).add(path);
        }
      }
    });
    return inputs;
  }

  private void requireReadable(String key, Path path) {
    if (!writers.containsKey(path) && !Files.isReadable(path)) {
      throw new RecipeException(
          "%s: %s names %s, which %s; correct the path, or have a stage write it"
              .formatted(
                  file, key, path, Files.exists(path) ? "cannot be read" : "does not exist"));
    }
  }

  /// Why settings have no effect beside the others, by their names.
  private Map<String, String> idle(
      String section,
      CommandSettings known,
      Map<String, List<String>> texts,
      @Nullable Path directory) {
    List<String> line = commandLine(section, known, texts, directory);
    Map<String, String> reasons = new LinkedHashMap<>();
    parsed(
        section,
        known,
        () -> {
          for (IdleOption option : commands.idle(line)) {
            known.nameOf(option.option()).ifPresent(name -> reasons.put(name, option.reason()));
          }
        });
    return reasons;
  }

  private List<String> commandLine(
      String section,
      CommandSettings known,
      Map<String, List<String>> texts,
      @Nullable Path directory) {
    try {
      return known.commandLine(texts, directory);
    } catch (IllegalArgumentException e) {
      throw new RecipeException(
          "%s: %s.%s is neither true nor false; make it one of them"
              .formatted(file, section, e.getMessage()),
          e);
    }
  }

  /// Has a command line looked at, and says what is wrong with it in a recipe's words.
  private void parsed(String section, CommandSettings known, Runnable look) {
    try {
      look.run();
    } catch (ParameterException e) {
      String key =
          e.getArgSpec() == null
              ? section
              : known.nameOf(e.getArgSpec()).map(name -> section + "." + name).orElse(section);
      String problem = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      throw new RecipeException(
          "%s: %s: %s".formatted(file, key, PREAMBLE.matcher(problem).replaceFirst("")), e);
    }
  }
}
