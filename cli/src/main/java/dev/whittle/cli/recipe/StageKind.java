package dev.whittle.cli.recipe;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What a stage can do: which command it is, and what a recipe has to know of that command besides
/// its options.
public enum StageKind {
  IMPORT("import", Map.of("output", "gguf"), Set.of("folder"), Map.of("hf_dir", "folder")),
  SYNTHESIZE("synthesize", Map.of("output", "jsonl"), Set.of("model", "data", "exclude"), Map.of()),
  CALIBRATE("imatrix", Map.of("output", "gguf"), Set.of("model", "data"), Map.of()),
  QUANTIZE(
      "quantize",
      Map.of("output", "gguf"),
      Set.of("model", "imatrix", "data"),
      Map.of("in", "model", "out", "output")),
  DISTILL(
      "distill",
      Map.of("output", "gguf"),
      Set.of("model", "data", "imatrix", "init", "eval_data"),
      Map.of()),
  GRPO(
      "grpo",
      Map.of("output", "gguf"),
      Set.of("model", "data", "masters", "imatrix", "reference"),
      Map.of()),
  EXPORT("export", Map.of("output", "gguf"), Set.of("model"), Map.of()),
  EVAL(
      "eval",
      Map.of("output", "json", "replies", "replies.jsonl"),
      Set.of("model", "data", "teacher"),
      Map.of()),
  REPORT("report", Map.of("output", "html"), Set.of("run"), Map.of());

  /// What a recipe decides itself, or what makes no sense in one.
  private static final Set<String> NO_SETTINGS =
      Set.of(
          "help",
          "stacktrace",
          "verbose",
          "native_dir",
          "force",
          "resume",
          "run_dir",
          "json",
          "dry_run");

  /// What changes the time that a stage takes, or what it learns of the others, and nothing else.
  private static final Set<String> WITHOUT_EFFECT =
      Set.of("threads", "teacher_cache", "record", "run");

  private final String command;
  private final Map<String, String> outputs;
  private final Set<String> inputs;
  private final Map<String, String> names;

  /// @param outputs the settings that name files to write, and what these names end in
  /// @param inputs the settings that name files to read
  /// @param names of settings that are called otherwise than in the command
  StageKind(
      String command, Map<String, String> outputs, Set<String> inputs, Map<String, String> names) {
    this.command = command;
    this.outputs = outputs;
    this.inputs = inputs;
    this.names = names;
  }

  /// The kind by its name in a recipe.
  static Optional<StageKind> ofName(String name) {
    return Arrays.stream(values()).filter(kind -> kind.label().equals(name)).findFirst();
  }

  static List<String> labels() {
    return Arrays.stream(values()).map(StageKind::label).toList();
  }

  /// Its name in a recipe.
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  String command() {
    return command;
  }

  /// The settings that name files to write, and what these names end in.
  Map<String, String> outputs() {
    return outputs;
  }

  /// Whether a setting names a file to read.
  boolean isInput(String setting, String value) {
    // Where training starts is a file, or else the name of a method.
    return inputs.contains(setting) && (!setting.equals("init") || value.endsWith(".gguf"));
  }

  /// Whether a setting names a run directory, which is read.
  boolean isRunDirectory(String setting) {
    return setting.equals("masters");
  }

  /// Whether a setting names a file at all.
  boolean isPath(String setting, String value) {
    return isInput(setting, value)
        || outputs.containsKey(setting)
        || setting.equals("teacher_cache")
        || setting.equals("record");
  }

  /// Whether what comes out depends on a value, files aside.
  boolean hasEffect(String setting, String value) {
    return !WITHOUT_EFFECT.contains(setting) && !isPath(setting, value);
  }

  /// The name in a recipe of what the command calls `option`, in snake case; none where a recipe
  /// has no say in it.
  Optional<String> setting(String option) {
    if (NO_SETTINGS.contains(option)) {
      return Optional.empty();
    }
    String common = option.equals("file") ? "data" : option;
    return Optional.of(names.getOrDefault(option, common));
  }
}
