package dev.whittle.cli.recipe;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLWriteFeature;

/// A recipe, read and resolved.
///
/// @param file where it was read from
/// @param runDirectory where everything goes that no stage puts elsewhere
/// @param stages in the order in which they run
public record Recipe(Path file, Path runDirectory, List<Stage> stages) {
  static final YAMLMapper YAML =
      YAMLMapper.builder()
          .disable(YAMLWriteFeature.WRITE_DOC_START_MARKER)
          .enable(YAMLWriteFeature.MINIMIZE_QUOTES)
          .disable(YAMLWriteFeature.SPLIT_LINES)
          .build();

  /// The recipe as YAML with nothing left to defaults. It is a recipe itself, of the same results.
  public String toYaml() {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put(RecipeReader.RUN_DIRECTORY, runDirectory.toString());
    for (Stage stage : stages) {
      Map<String, Object> settings = new LinkedHashMap<>();
      if (!stage.name().equals(stage.kind().label())) {
        settings.put(RecipeReader.KIND, stage.kind().label());
      }
      stage
          .settings()
          .forEach((name, values) ->
              settings.put(
                  name,
                  values.size() == 1
                      ? scalar(values.getFirst())
                      : values.stream().map(Recipe::scalar).toList()));
      root.put(stage.name(), settings);
    }
    return YAML.writeValueAsString(root);
  }

  /// A number or a truth value where the text is one, so that it needs no quotes.
  private static Object scalar(String text) {
    JsonNode node = text.matches("-?\\d{1,18}|true|false") ? YAML.readTree(text) : null;
    return node == null ? text : node;
  }
}
