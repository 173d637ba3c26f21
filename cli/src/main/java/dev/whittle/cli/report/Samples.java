package dev.whittle.cli.report;

import dev.whittle.cli.report.Evaluated.Role;
import dev.whittle.evaluation.ReplyLog;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What the models say, side by side: the teacher, the best model without training, and the
/// trained.
///
/// Which questions are shown is decided by a rule, and not by how well the replies look: from each
/// domain the first question on which the trained model is right and the other is not, the first
/// with the reverse, and the first of all, as far as there are such.
final class Samples {
  private static final int MOST_LETTERS = 1200;

  private Samples() {}

  static String toHtml(RunResults results) {
    List<Evaluated> shown = new ArrayList<>();
    for (Optional<Evaluated> model :
        List.of(
            results.first(Role.TEACHER), results.best(Role.BASELINE), results.best(Role.TRAINED))) {
      model.filter(m -> !m.replies().isEmpty()).ifPresent(shown::add);
    }
    if (shown.isEmpty()) {
      return "";
    }
    StringBuilder html = new StringBuilder();
    for (long line : chosen(shown)) {
      ReplyLog.Line question = find(shown.getFirst(), line).orElseThrow();
      html.append(
          "<article class=\"sample\"><p class=\"question\"><b>%s</b> %s <small>answer: %s</small></p>"
              .formatted(
                  Html.escape(question.domain()),
                  Html.escape(question.question()),
                  Html.escape(question.answer())));
      html.append("<div class=\"replies\">");
      for (Evaluated model : shown) {
        find(model, line).ifPresent(reply -> html.append(reply(model, reply)));
      }
      html.append("</div></article>\n");
    }
    return html.toString();
  }

  private static String reply(Evaluated model, ReplyLog.Line reply) {
    String text = reply.reply().strip();
    boolean cut = text.length() > MOST_LETTERS;
    return "<div class=\"%s\"><h4>%s <span>%s</span></h4><pre>%s</pre></div>"
        .formatted(
            reply.right() ? "right" : "wrong",
            Html.escape(model.label()),
            reply.right() ? "✓ right" : reply.truncated() ? "✗ cut off" : "✗ wrong",
            Html.escape(cut ? text.substring(0, MOST_LETTERS) + " …" : text));
  }

  private static Optional<ReplyLog.Line> find(Evaluated model, long line) {
    return model.replies().stream().filter(reply -> reply.line() == line).findFirst();
  }

  /// The lines of the questions, by domain.
  private static List<Long> chosen(List<Evaluated> shown) {
    Evaluated trained = shown.getLast();
    Evaluated other = shown.get(Math.max(0, shown.size() - 2));
    Map<String, Map<Integer, Long>> byDomain = new LinkedHashMap<>();
    for (ReplyLog.Line reply : trained.replies()) {
      boolean othersRight = find(other, reply.line()).map(ReplyLog.Line::right).orElse(false);
      int group = reply.right() == othersRight ? 2 : reply.right() ? 0 : 1;
      if (shown.stream().allMatch(model -> find(model, reply.line()).isPresent())) {
        byDomain
            .computeIfAbsent(reply.domain(), domain -> new LinkedHashMap<>())
            .putIfAbsent(group, reply.line());
      }
    }
    return byDomain.entrySet().stream()
        .sorted(Map.Entry.comparingByKey(Comparator.naturalOrder()))
        .flatMap(domain -> domain.getValue().values().stream().sorted())
        .distinct()
        .toList();
  }
}
