package dev.whittle.cli.report;

import dev.whittle.cli.recipe.Fingerprint;
import dev.whittle.cli.recipe.StageRecord;
import dev.whittle.cli.report.Evaluated.Role;
import dev.whittle.evaluation.EvaluationReport;
import dev.whittle.evaluation.ReplyLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// What a run directory holds: that of a recipe, or of a single training run.
///
/// @param name of the directory, and of those above where runs are compared that have the same
/// @param recipe as YAML; null if there is none
/// @param stages the records of a recipe's stages, in the order in which they were done
/// @param metrics of each training run
/// @param models the evaluated ones: the teacher, the baselines, the trained
public record RunResults(
    String name,
    @Nullable String recipe,
    List<StageRecord> stages,
    List<Metrics> metrics,
    List<Evaluated> models) {
  private static final JsonMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();
  private static final String METRICS = "metrics.jsonl";
  private static final String JSON_ENDING = ".json";

  /// Reads run directories: metrics in them and in their folders, the records of stages, and what
  /// `whittle eval -o` wrote into them. One that is named twice is read once.
  ///
  /// @throws ReportException if a folder holds nothing to report
  /// @throws IOException if a file cannot be read
  public static List<RunResults> read(List<Path> folders) throws IOException {
    Map<Path, Path> byPlace = new LinkedHashMap<>();
    folders.forEach(folder -> byPlace.putIfAbsent(folder.toAbsolutePath().normalize(), folder));
    Iterator<String> names = RunNames.of(List.copyOf(byPlace.keySet())).iterator();
    List<RunResults> runs = new ArrayList<>();
    for (Path folder : byPlace.values()) {
      runs.add(read(folder, names.next()));
    }
    return runs;
  }

  private static RunResults read(Path folder, String name) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new ReportException(
          folder
              + (Files.exists(folder) ? " is no folder" : " does not exist")
              + "; name the run directory of a recipe or of a training run");
    }
    List<StageRecord> stages = stages(folder);
    List<Metrics> metrics = metrics(folder, name);
    List<Evaluated> models = models(folder, stages);
    if (metrics.isEmpty() && models.isEmpty()) {
      throw new ReportException(
          folder
              + " holds neither metrics nor evaluations; name the run directory of a recipe or of a"
              + " training run");
    }
    Path recipe = folder.resolve("recipe.yaml");
    return new RunResults(
        name, Files.exists(recipe) ? Files.readString(recipe) : null, stages, metrics, models);
  }

  private static List<StageRecord> stages(Path folder) throws IOException {
    List<StageRecord> records = new ArrayList<>();
    for (Path file : files(StageRecord.folder(folder), JSON_ENDING)) {
      String stage = file.getFileName().toString().replaceFirst("\\.json$", "");
      StageRecord.read(folder, stage)
          .filter(record -> record.outputs() != null)
          .ifPresent(records::add);
    }
    records.sort(Comparator.comparing(record -> Objects.requireNonNull(record.finished())));
    return records;
  }

  private static List<Metrics> metrics(Path folder, String name) throws IOException {
    List<Metrics> metrics = new ArrayList<>();
    if (Files.exists(folder.resolve(METRICS))) {
      metrics.add(Metrics.read(name, folder.resolve(METRICS)));
    }
    for (Path inner : files(folder, "")) {
      if (Files.exists(inner.resolve(METRICS))) {
        metrics.add(Metrics.read(inner.getFileName().toString(), inner.resolve(METRICS)));
      }
    }
    return metrics.stream().filter(m -> !m.series().isEmpty()).toList();
  }

  private static List<Evaluated> models(Path folder, List<StageRecord> stages) throws IOException {
    List<Evaluated> models = new ArrayList<>();
    for (Path file : files(folder, JSON_ENDING)) {
      EvaluationReport report;
      try {
        report = JSON.readValue(Files.readAllBytes(file), EvaluationReport.class);
      } catch (JacksonException _) {
        continue;
      }
      boolean measured =
          report != null && (report.accuracyByDomain() != null || report.kl() != null);
      if (!measured || report.model() == null) {
        continue;
      }
      String stem = file.getFileName().toString().replaceFirst("\\.json$", "");
      Path replies = file.resolveSibling(stem + ".replies.jsonl");
      Path model = model(stages, file).orElse(Path.of(report.model()));
      Optional<StageRecord> origin = writer(stages, model);
      models.add(
          new Evaluated(
              origin
                  .map(StageRecord::stage)
                  .orElse(model.getFileName().toString().replaceFirst("\\.gguf$", "")),
              role(origin, stages, model),
              model,
              report,
              Files.exists(replies) ? ReplyLog.read(replies) : List.of()));
    }
    models.sort(
        Comparator.comparing(Evaluated::role)
            .thenComparing(Evaluated::quality)
            .thenComparing(Evaluated::label));
    return models;
  }

  /// The model that a stage evaluated. What the evaluation itself names may be the same file in
  /// another run directory, since studies do the same stage once for all runs.
  private static Optional<Path> model(List<StageRecord> stages, Path evaluation) {
    return writer(stages, evaluation.toAbsolutePath().normalize())
        .flatMap(stage -> stage.inputs().getOrDefault("model", List.of()).stream().findFirst())
        .map(input -> Path.of(input.path()));
  }

  private static Optional<StageRecord> writer(List<StageRecord> stages, Path model) {
    return stages.stream().filter(s -> s.writes().contains(model.toString())).findFirst();
  }

  private static Role role(Optional<StageRecord> origin, List<StageRecord> stages, Path model) {
    return switch (origin.map(StageRecord::kind).orElse("")) {
      case "import" -> Role.TEACHER;
      case "quantize" -> Role.BASELINE;
      case "distill", "grpo", "export" -> Role.TRAINED;
      default -> isTeacher(stages, model) ? Role.TEACHER : Role.OTHER;
    };
  }

  /// Whether a stage learnt from this file, or compared with it.
  private static boolean isTeacher(List<StageRecord> stages, Path model) {
    return stages.stream()
        .flatMap(stage ->
            Stream.of("teacher", "model")
                .filter(setting -> setting.equals("teacher") || !stage.kind().equals("eval"))
                .flatMap(setting -> stage.inputs().getOrDefault(setting, List.of()).stream()))
        .map(Fingerprint::path)
        .anyMatch(model.toString()::equals);
  }

  /// What is in a folder, by name.
  private static List<Path> files(Path folder, String ending) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(folder)) {
      return entries
          .filter(file -> file.getFileName().toString().endsWith(ending))
          .sorted()
          .toList();
    }
  }

  /// The first model of a role.
  Optional<Evaluated> first(Role role) {
    return models.stream().filter(model -> model.role() == role).findFirst();
  }

  /// The best model of a role.
  Optional<Evaluated> best(Role role) {
    return models.stream()
        .filter(model -> model.role() == role)
        .max(Comparator.comparing(Evaluated::quality));
  }
}
