package dev.whittle.cli.report;

import java.util.Collections;
import java.util.List;

/// A table in Markdown.
public final class MarkdownTable {
  private final StringBuilder text = new StringBuilder();

  public MarkdownTable(List<String> headings) {
    append(headings.stream().map(MarkdownTable::escaped).toList());
    append(Collections.nCopies(headings.size(), "---"));
  }

  /// Adds a row, a cell for each column.
  public void row(List<String> cells) {
    append(cells.stream().map(MarkdownTable::escaped).toList());
  }

  private void append(List<String> cells) {
    text.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  private static String escaped(String cell) {
    return cell.replace("|", "\\|").replaceAll("\\R", " ");
  }

  /// The table's lines, each ended by a line feed.
  @Override
  public String toString() {
    return text.toString();
  }
}
