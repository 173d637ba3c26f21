package dev.whittle.cli.report;

import dev.whittle.cli.recipe.Fingerprint;
import dev.whittle.cli.recipe.StageRecord;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// Where the results come from: settings, digests of what went in, versions.
final class Provenance {
  private static final int DIGEST_LETTERS = 12;

  private Provenance() {}

  static String toHtml(RunResults results) {
    StringBuilder html = new StringBuilder();
    if (!results.stages().isEmpty()) {
      html.append("<div class=\"scroll\"><table><thead><tr><th>stage<th>reads<th>writes")
          .append("<th class=\"n\">seconds<th>finished<th>hash</tr></thead><tbody>\n");
      for (StageRecord stage : results.stages()) {
        html.append(
            "<tr><td>%s<td>%s<td>%s<td class=\"n\">%.1f<td>%s<td><code>%s</code></tr>\n"
                .formatted(
                    Html.escape(stage.stage()),
                    stage.inputs().values().stream()
                        .flatMap(List::stream)
                        .map(Provenance::file)
                        .distinct()
                        .collect(Collectors.joining("<br>")),
                    stage.outputs() == null
                        ? ""
                        : stage.outputs().stream()
                            .map(Provenance::file)
                            .collect(Collectors.joining("<br>")),
                    stage.seconds(),
                    Html.escape(String.valueOf(stage.finished())),
                    shortened(stage.hash())));
      }
      html.append("</tbody></table></div>\n");
      html.append("<p>").append(versions(results.stages())).append("</p>\n");
    }
    if (results.recipe() != null) {
      html.append("<details><summary>The settings of ")
          .append(Html.escape(results.name()))
          .append("</summary><pre class=\"scroll\">")
          .append(Html.escape(results.recipe()))
          .append("</pre></details>\n");
    }
    return html.toString();
  }

  private static String versions(List<StageRecord> stages) {
    Map<String, Set<String>> versions = new LinkedHashMap<>();
    stages.forEach(stage ->
        stage
            .versions()
            .forEach((name, version) ->
                versions.computeIfAbsent(name, n -> new LinkedHashSet<>()).add(version)));
    return versions.entrySet().stream()
        .map(e -> Html.escape(e.getKey().replace('_', '.') + " " + String.join(", ", e.getValue())))
        .collect(Collectors.joining(" · "));
  }

  private static String file(Fingerprint file) {
    return "%s <code>%s</code>"
        .formatted(
            Html.escape(String.valueOf(Path.of(file.path()).getFileName())),
            shortened(file.sha256()));
  }

  private static String shortened(String digest) {
    return Html.escape(digest.substring(0, Math.min(DIGEST_LETTERS, digest.length())));
  }
}
