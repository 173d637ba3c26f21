package dev.whittle.cli.study;

import dev.whittle.cli.recipe.NearestName;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// A figure that an evaluation finds.
///
/// @param stage that evaluates
/// @param path of the figure in what `eval --json` prints, the names of nested objects with dots
///   between, such as `accuracy` or `accuracy_by_domain.math`
public record Figure(String stage, String path) {
  private static final String BY_DOMAIN = "accuracy_by_domain.";
  private static final String DIVERGENCE = "kl.";

  /// By [dev.whittle.evaluation.EvaluationReport].
  private static final List<String> PATHS =
      List.of(
          "accuracy",
          BY_DOMAIN + "DOMAIN",
          "mean_tokens",
          "truncated_rate",
          "bits_per_weight",
          "file_bytes",
          DIVERGENCE + "mean_kld",
          DIVERGENCE + "same_top_p",
          DIVERGENCE + "ppl");

  /// Reads `stage.path`.
  ///
  /// @param stages those there are to name
  /// @throws IllegalArgumentException if it is none; the message continues a sentence that begins
  ///   with the text
  static Figure parse(String text, Collection<String> stages) {
    // A stage's name may have dots in it.
    String stage =
        stages.stream()
            .filter(name -> text.startsWith(name + "."))
            .max((a, b) -> Integer.compare(a.length(), b.length()))
            .orElseThrow(() ->
                new IllegalArgumentException(
                    "names no stage that evaluates; "
                        + NearestName.mend(text.split("\\.", 2)[0], stages)));
    String path = text.substring(stage.length() + 1);
    if (!PATHS.contains(path) && !path.startsWith(BY_DOMAIN)) {
      throw new IllegalArgumentException(
          "names no figure of an evaluation; " + NearestName.mend(path, PATHS));
    }
    return new Figure(stage, path);
  }

  /// Its value in what an evaluation has found, if it is there.
  Optional<Double> of(JsonNode report) {
    JsonNode value = report;
    for (String name : Arrays.asList(path.split("\\.", 2))) {
      value = value.path(name);
    }
    return value.isNumber() ? Optional.of(value.asDouble()) : Optional.empty();
  }

  /// How many digits behind the point are worth reading.
  int decimals() {
    return switch (path) {
      case "mean_tokens" -> 1;
      case "file_bytes" -> 0;
      default -> path.startsWith(DIVERGENCE) ? 4 : 3;
    };
  }
}
