package dev.whittle.cli.recipe;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;
import java.util.stream.Stream;

/// The stages that led to a file: what it takes to make it again.
///
/// @param stages each behind those that it reads from; the last one wrote the file
public record Lineage(List<StageRecord> stages) {
  private static final int DIGEST_LETTERS = 12;
  private static final int SHORT_DIGEST_LETTERS = 8;

  /// The lineage of what a stage wrote.
  ///
  /// @param record of the stage, in the run directory's folder of records
  /// @throws IOException if the records cannot be read, or the stage is not done
  public static Lineage of(Path record) throws IOException {
    if (!Files.isRegularFile(record)) {
      throw new RecipeException(
          record + " does not exist; name a stage's record, in 'stages' of its run directory");
    }
    Path runDirectory = record.toAbsolutePath().getParent().getParent();
    if (!Files.exists(StageRecord.folder(runDirectory).resolve(record.getFileName()))) {
      throw new RecipeException(
          record + " is no stage's record; name one in 'stages' of its run directory");
    }
    List<StageRecord> all = new ArrayList<>();
    try (Stream<Path> files = Files.list(StageRecord.folder(runDirectory))) {
      for (Path file : files.sorted().toList()) {
        StageRecord.read(runDirectory, stem(file)).ifPresent(all::add);
      }
    }
    StageRecord last =
        StageRecord.read(runDirectory, stem(record))
            .filter(stage -> stage.outputs() != null)
            .orElseThrow(() ->
                new IOException(record + " is no record of a stage that is done; run the recipe"));
    SequencedSet<StageRecord> stages = new LinkedHashSet<>();
    addWithSources(last, all, stages);
    return new Lineage(List.copyOf(stages));
  }

  private static String stem(Path file) {
    return file.getFileName().toString().replaceFirst("\\.json$", "");
  }

  private static void addWithSources(
      StageRecord stage, List<StageRecord> all, SequencedSet<StageRecord> stages) {
    for (Fingerprint input : inputs(stage)) {
      all.stream()
          .filter(other -> other != stage && other.writes().contains(input.path()))
          .forEach(source -> addWithSources(source, all, stages));
    }
    stages.add(stage);
  }

  private static List<Fingerprint> inputs(StageRecord stage) {
    return stage.inputs().values().stream().flatMap(List::stream).toList();
  }

  /// One-line forms of this, the one that says most first. All name the hash of the last stage, by
  /// which its record in the run directory is found.
  ///
  /// @param origin what they begin with
  public List<String> lines(String origin) {
    StageRecord last = stages.getLast();
    List<String> lines = new ArrayList<>();
    for (int letters : new int[] {DIGEST_LETTERS, SHORT_DIGEST_LETTERS}) {
      StringBuilder line = new StringBuilder(origin);
      for (String input : List.of("data", "model")) {
        last.inputs()
            .getOrDefault(input, List.of())
            .forEach(file ->
                line.append(' ').append(input).append(' ').append(cut(file.sha256(), letters)));
      }
      lines.add(line.append(" recipe ").append(cut(last.hash(), letters)).toString());
      lines.add(origin + " recipe " + cut(last.hash(), letters));
    }
    lines.add(origin + " #" + cut(last.hash(), SHORT_DIGEST_LETTERS));
    return lines;
  }

  private static String cut(String digest, int letters) {
    return digest.substring(0, Math.min(letters, digest.length()));
  }

  /// All of it as YAML. Files go by their names: where they lay is nobody's business.
  public String toYaml() {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("versions", stages.getLast().versions());
    for (StageRecord stage : stages) {
      Map<String, Object> section = new LinkedHashMap<>();
      section.put(RecipeReader.KIND, stage.kind());
      stage
          .settings()
          .forEach((name, values) -> {
            List<String> shown = values.stream().map(Lineage::withoutFolder).toList();
            section.put(name, shown.size() == 1 ? shown.getFirst() : shown);
          });
      Map<String, String> digests = new LinkedHashMap<>();
      inputs(stage).forEach(file -> digests.put(withoutFolder(file.path()), file.sha256()));
      section.put("sha256", digests);
      root.put(stage.stage(), section);
    }
    return Recipe.YAML.writeValueAsString(root);
  }

  private static String withoutFolder(String value) {
    try {
      Path path = Path.of(value);
      return path.isAbsolute() ? String.valueOf(path.getFileName()) : value;
    } catch (InvalidPathException _) {
      return value;
    }
  }
}
