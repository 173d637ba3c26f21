package dev.whittle.cli.report;

import dev.whittle.cli.report.Evaluated.Role;
import dev.whittle.evaluation.EvaluationReport;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The report as one page: of a run, or of several to compare.
public final class ReportPage {
  private final List<RunResults> runs;

  /// @param runs at least one
  public ReportPage(List<RunResults> runs) {
    this.runs = List.copyOf(runs);
  }

  /// The page as HTML, complete in itself.
  public String toHtml() {
    String title = String.join(", ", runs.stream().map(RunResults::name).toList());
    StringBuilder html = new StringBuilder("<!DOCTYPE html>\n<html lang=\"en\"><head>");
    html.append("<meta charset=\"utf-8\">")
        .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .append("<meta name=\"color-scheme\" content=\"light dark\">")
        .append("<title>")
        .append(Html.escape(title))
        .append(" · Whittle</title>\n<style>\n")
        .append(style())
        .append("</style></head><body>\n<header><p>Whittle</p><h1>")
        .append(Html.escape(title))
        .append("</h1>");
    runs.forEach(run -> html.append(summary(run)));
    html.append("</header>\n<main>\n");
    List<Evaluated> models = models();
    if (!models.isEmpty()) {
      boolean asked = models.stream().anyMatch(model -> model.report().accuracy() != null);
      section(
          html,
          asked ? "Right answers" : "Distance from the teacher",
          (asked
                  ? "Replies are greedy; an answer counts when the reply holds it in a box."
                  : "The data have no answers to grade replies by. The shorter a bar, the more the"
                      + " model predicts as its teacher.")
              + " Bars with the strong colours are files of the same size.",
          (asked ? Bars.accuracy(models) : Bars.divergence(models)) + Bars.table(models));
    }
    List<Metrics> metrics = metrics();
    if (!metrics.isEmpty()) {
      section(html, "Training", "By step; running means.", Curves.toHtml(metrics));
    }
    String maps = heatMaps();
    if (!maps.isEmpty()) {
      section(
          html,
          "How far the weights moved",
          "‖W − Ŵ‖ / ‖W‖ of each matrix against the teacher's. Training moves weights away from"
              + " the teacher's where that makes the model behave more like it, so less is not"
              + " always better.",
          maps);
    }
    for (RunResults run : runs) {
      String samples = Samples.toHtml(run);
      if (!samples.isEmpty()) {
        section(
            html,
            runs.size() == 1 ? "What they say" : "What they say: " + run.name(),
            "From each domain the first question on which training made the answer right, the first"
                + " on which it made it wrong, and the first on which it changed nothing.",
            samples);
      }
    }
    StringBuilder provenance = new StringBuilder();
    runs.forEach(run -> provenance.append(Provenance.toHtml(run)));
    section(html, "Provenance", "", provenance.toString());
    return html.append("</main></body></html>\n").toString();
  }

  private static void section(StringBuilder html, String title, String lead, String content) {
    html.append("<section><h2>").append(Html.escape(title)).append("</h2>\n");
    if (!lead.isEmpty()) {
      html.append("<p class=\"lead\">").append(Html.escape(lead)).append("</p>\n");
    }
    html.append(content).append("</section>\n");
  }

  /// The run in a sentence.
  private static String summary(RunResults run) {
    Optional<Evaluated> trained = run.best(Role.TRAINED);
    if (trained.isEmpty()) {
      return "";
    }
    EvaluationReport report = trained.get().report();
    StringBuilder text = new StringBuilder();
    text.append(
        "%s: %.2f bits a weight, %,d bytes, %s"
            .formatted(
                run.name(),
                report.bitsPerWeight(),
                report.fileBytes(),
                report.accuracy() == null
                    ? "a divergence of %s nats a token from the teacher".formatted(figure(report))
                    : "%s of %,d questions right".formatted(figure(report), report.n())));
    run.best(Role.BASELINE)
        .ifPresent(baseline ->
            text.append(
                "; without training at best %s (%s)"
                    .formatted(figure(baseline.report()), baseline.label())));
    run.first(Role.TEACHER)
        .ifPresent(teacher ->
            text.append(
                teacher.report().accuracy() == null
                    ? "; in full precision %,d bytes".formatted(teacher.report().fileBytes())
                    : "; in full precision %s in %,d bytes"
                        .formatted(figure(teacher.report()), teacher.report().fileBytes())));
    return "<p class=\"summary\">" + Html.escape(text.append('.').toString()) + "</p>";
  }

  /// What [Evaluated#quality] compares.
  private static String figure(EvaluationReport report) {
    return report.accuracy() == null
        ? "%.4f".formatted(report.kl().meanKld())
        : "%.1f%%".formatted(100 * report.accuracy());
  }

  /// The models of all runs. What is the same file in several runs appears once.
  private List<Evaluated> models() {
    if (runs.size() == 1) {
      return runs.getFirst().models();
    }
    Map<String, Evaluated> models = new LinkedHashMap<>();
    for (Role role : Role.values()) {
      for (RunResults run : runs) {
        for (Evaluated model : run.models()) {
          if (model.role() == role) {
            Evaluated named =
                new Evaluated(
                    run.name() + " " + model.label(),
                    role,
                    model.file(),
                    model.report(),
                    model.replies());
            String key =
                role == Role.TEACHER
                    ? "teacher " + model.report().fileBytes() + " " + model.report().accuracy()
                    : named.label();
            models.putIfAbsent(key, named);
          }
        }
      }
    }
    return List.copyOf(models.values());
  }

  private List<Metrics> metrics() {
    List<Metrics> all = new ArrayList<>();
    for (RunResults run : runs) {
      for (Metrics metrics : run.metrics()) {
        String name = runs.size() == 1 ? metrics.name() : named(run, metrics);
        all.add(new Metrics(name, metrics.series()));
      }
    }
    return all;
  }

  private static String named(RunResults run, Metrics metrics) {
    return run.metrics().size() == 1 ? run.name() : run.name() + " " + metrics.name();
  }

  private String heatMaps() {
    Map<String, TensorErrors> errors = new LinkedHashMap<>();
    for (RunResults run : runs) {
      Optional<Evaluated> teacher = run.first(Role.TEACHER);
      if (teacher.isEmpty() || !Files.exists(teacher.get().file())) {
        continue;
      }
      for (Optional<Evaluated> model : List.of(run.best(Role.BASELINE), run.best(Role.TRAINED))) {
        model
            .filter(m -> Files.exists(m.file()))
            .ifPresent(m ->
                errors.put(
                    runs.size() == 1 ? m.label() : run.name() + " " + m.label(),
                    TensorErrors.of(teacher.get().file(), m.file())));
      }
    }
    double greatest =
        errors.values().stream()
            .flatMap(e -> e.byTensor().values().stream())
            .mapToDouble(Double::doubleValue)
            .max()
            .orElse(0);
    if (greatest == 0) {
      return "";
    }
    StringBuilder html = new StringBuilder("<div class=\"charts\">\n");
    errors.forEach((label, e) -> html.append(new HeatMap(label, e, greatest).toHtml()));
    return html.append("</div>\n").toString();
  }

  private static String style() {
    try (InputStream in = ReportPage.class.getResourceAsStream("report.css")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
