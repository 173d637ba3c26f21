package dev.whittle.cli.report;

import dev.whittle.cli.report.Evaluated.Role;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// How good each model is, as bars.
final class Bars {
  /// Files that differ by no more than this share have the same size: metadata differs by a few
  /// bytes.
  private static final double SAME_SIZE = 0.005;

  private Bars() {}

  /// How often they are right: all questions, and those of each domain.
  static String accuracy(List<Evaluated> models) {
    List<Evaluated> asked =
        models.stream().filter(model -> model.report().accuracyByDomain() != null).toList();
    TreeSet<String> domains = new TreeSet<>();
    asked.forEach(model -> domains.addAll(model.report().accuracyByDomain().keySet()));
    StringBuilder html = new StringBuilder("<div class=\"charts\">\n");
    html.append(
        chart(
            "Accuracy, all questions",
            asked,
            asked.stream().map(model -> model.report().accuracy()).toList(),
            1,
            true));
    if (domains.size() > 1) {
      for (String domain : domains) {
        html.append(
            chart(
                "Accuracy, " + domain,
                asked,
                asked.stream()
                    .map(m -> m.report().accuracyByDomain().getOrDefault(domain, Double.NaN))
                    .toList(),
                1,
                false));
      }
    }
    return html.append("</div>\n").toString();
  }

  /// How far they are from their teacher.
  static String divergence(List<Evaluated> models) {
    List<Double> values =
        models.stream()
            .map(Evaluated::report)
            .map(report -> report.kl() == null ? Double.NaN : report.kl().meanKld())
            .toList();
    double greatest =
        values.stream().mapToDouble(Double::doubleValue).filter(Double::isFinite).max().orElse(0);
    return "<div class=\"charts\">\n"
        + chart("KL divergence", models, values, greatest > 0 ? greatest : 1, true)
        + "</div>\n";
  }

  /// @param whole the value of a bar of the whole width
  private static String chart(
      String title, List<Evaluated> models, List<Double> values, double whole, boolean withSizes) {
    StringBuilder html = new StringBuilder("<figure class=\"chart bars\"><figcaption>");
    html.append(Html.escape(title)).append("</figcaption>\n");
    long trained = trainedBytes(models);
    for (int i = 0; i < models.size(); i++) {
      Evaluated model = models.get(i);
      double value = values.get(i);
      if (Double.isNaN(value)) {
        continue;
      }
      html.append("<div class=\"bar %s\">".formatted(style(model, trained)))
          .append("<span class=\"label\">")
          .append(Html.escape(model.label()));
      if (withSizes) {
        html.append(" <small>%,d bytes</small>".formatted(model.report().fileBytes()));
      }
      html.append(
              "</span><span class=\"track\"><span style=\"width:%.2f%%\"></span></span>"
                  .formatted(100 * value / whole))
          .append("<span class=\"value\">%.3f</span></div>\n".formatted(value));
    }
    return html.append("</figure>\n").toString();
  }

  private static long trainedBytes(List<Evaluated> models) {
    return models.stream()
        .filter(model -> model.role() == Role.TRAINED)
        .mapToLong(model -> model.report().fileBytes())
        .max()
        .orElse(0);
  }

  private static String style(Evaluated model, long trained) {
    if (model.role() == Role.TRAINED || model.role() == Role.TEACHER) {
      return model.role().name().toLowerCase(java.util.Locale.ROOT);
    }
    boolean same = Math.abs(model.report().fileBytes() - trained) <= SAME_SIZE * trained;
    return trained == 0 || same ? "baseline" : "baseline othersize";
  }

  /// The models with all their figures.
  static String table(List<Evaluated> models) {
    boolean compared = isCompared(models);
    StringBuilder html =
        new StringBuilder(
                "<div class=\"scroll\"><table><thead><tr><th>model<th><th class=\"n\">bytes")
            .append("<th class=\"n\">bits a weight<th class=\"n\">accuracy<th class=\"n\">± ");
    if (compared) {
      html.append("<th class=\"n\">KL divergence<th class=\"n\">same top token")
          .append("<th class=\"n\">perplexity");
    }
    html.append("<th class=\"n\">tokens a reply<th class=\"n\">cut off</tr></thead><tbody>\n");
    for (Evaluated model : models) {
      var report = model.report();
      var kl = report.kl();
      html.append(
              "<tr><td>%s<td>%s".formatted(Html.escape(model.label()), model.role().description()))
          .append(cell("%,d".formatted(report.fileBytes())))
          .append(cell("%.3f".formatted(report.bitsPerWeight())))
          .append(cell(figure("%.3f", report.accuracy(), 1)))
          .append(
              cell(
                  report.accuracy() == null
                      ? ""
                      : "%.3f".formatted(halfInterval(report.accuracy(), report.n()))));
      if (compared) {
        html.append(cell(kl == null ? "" : "%.4f".formatted(kl.meanKld())))
            .append(cell(kl == null ? "" : "%.1f%%".formatted(100 * kl.sameTopP())))
            .append(cell(kl == null ? "" : "%.4f".formatted(kl.ppl())));
      }
      html.append(cell(figure("%.1f", report.meanTokens(), 1)))
          .append(cell(figure("%.1f%%", report.truncatedRate(), 100)))
          .append("</tr>\n");
    }
    html.append("</tbody></table></div>\n<p><small>± is half of the 95% interval (Agresti–Coull)")
        .append(" for so many questions.");
    if (compared) {
      html.append(" KL divergence is the teacher's from the model's, in nats a token.");
    }
    return html.append("</small></p>\n").toString();
  }

  /// Whether any of the models was compared with a teacher.
  private static boolean isCompared(List<Evaluated> models) {
    return models.stream().anyMatch(model -> model.report().kl() != null);
  }

  /// Half of the 95% interval of a share that was found among n, after Agresti and Coull (1998):
  /// not zero where all or none were right.
  static double halfInterval(double share, int n) {
    double z = 1.96;
    double trials = n + z * z;
    double p = (share * n + z * z / 2) / trials;
    return z * Math.sqrt(p * (1 - p) / trials);
  }

  private static String figure(String format, @Nullable Double value, double unit) {
    return value == null ? "" : format.formatted(unit * value);
  }

  private static String cell(String text) {
    return "<td class=\"n\">" + text;
  }
}
