package dev.whittle.cli.report;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The error of each tensor as the colour of a cell: a row a layer, a column a kind of matrix.
///
/// @param title which file
/// @param scale the error that has the strongest colour, the same for all maps of a page
record HeatMap(String title, TensorErrors errors, double scale) {
  private static final Pattern LAYER = Pattern.compile("blk\\.(\\d{1,9})\\.(.+)\\.weight");

  /// The matrices of a layer in the order of the network: files have them in others.
  private static final List<String> KINDS =
      List.of("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down");

  String toHtml() {
    Map<Integer, Map<String, Double>> layers = new TreeMap<>();
    Map<String, Double> others = new LinkedHashMap<>();
    Set<String> kinds =
        new TreeSet<>(
            Comparator.comparing(
                    (String kind) -> KINDS.contains(kind) ? KINDS.indexOf(kind) : KINDS.size())
                .thenComparing(Comparator.naturalOrder()));
    errors
        .byTensor()
        .forEach((name, error) -> {
          Matcher matcher = LAYER.matcher(name);
          if (matcher.matches()) {
            kinds.add(matcher.group(2));
            layers
                .computeIfAbsent(Integer.parseInt(matcher.group(1)), l -> new LinkedHashMap<>())
                .put(matcher.group(2), error);
          } else {
            others.put(name.replaceFirst("\\.weight$", ""), error);
          }
        });
    StringBuilder html = new StringBuilder("<figure class=\"chart\"><figcaption>");
    html.append(Html.escape(title))
        .append("</figcaption><div class=\"scroll\"><table class=\"heat\">");
    html.append("<thead><tr><th>layer");
    kinds.forEach(kind -> html.append("<th>").append(Html.escape(shortened(kind))));
    html.append("</tr></thead><tbody>\n");
    layers.forEach((layer, cells) -> {
      html.append("<tr><th>").append(layer);
      for (String kind : kinds) {
        html.append(cell("blk." + layer + "." + kind, cells.get(kind)));
      }
      html.append("</tr>\n");
    });
    html.append("</tbody></table></div>");
    if (!others.isEmpty()) {
      html.append("<table class=\"heat\"><tbody>");
      others.forEach((name, error) ->
          html.append("<tr><th>")
              .append(Html.escape(name))
              .append(cell(name, error))
              .append("</tr>"));
      html.append("</tbody></table>");
    }
    return html.append("</figure>\n").toString();
  }

  /// `attn_q` and its like fit over their columns.
  private static String shortened(String kind) {
    return kind.replace("attn_output", "o").replace("attn_", "").replace("ffn_", "");
  }

  private String cell(String name, @org.jspecify.annotations.Nullable Double error) {
    if (error == null) {
      return "<td>";
    }
    long strength = Math.round(100 * Math.min(1, error / scale));
    return "<td style=\"--heat:%d%%\"%s title=\"%s %.4f\">%.2f"
        .formatted(
            strength, strength > 55 ? " class=\"hot\"" : "", Html.escape(name), error, error);
  }
}
