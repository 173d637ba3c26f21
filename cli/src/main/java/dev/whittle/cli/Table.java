package dev.whittle.cli;

import java.util.ArrayList;
import java.util.List;

/// Text in columns, two spaces apart.
final class Table {

  /// A column: its heading, and the side on which its cells line up.
  record Column(String heading, boolean rightAligned) {
    static Column left(String heading) {
      return new Column(heading, false);
    }

    static Column right(String heading) {
      return new Column(heading, true);
    }

    private String pad(String cell, int width) {
      String gap = " ".repeat(width - cell.length());
      return rightAligned ? gap + cell : cell + gap;
    }
  }

  private final List<Column> columns;
  private final List<List<String>> rows = new ArrayList<>();

  /// Without any heading, the table has no line of headings.
  Table(Column... columns) {
    this.columns = List.of(columns);
  }

  /// Adds a row, a cell for each column.
  Table row(String... cells) {
    if (cells.length != columns.size()) {
      throw new IllegalArgumentException(cells.length + " cells for " + columns.size());
    }
    rows.add(List.of(cells));
    return this;
  }

  /// The table's lines, each ended by a line feed.
  @Override
  public String toString() {
    List<List<String>> lines = new ArrayList<>();
    List<String> headings = columns.stream().map(Column::heading).toList();
    if (headings.stream().anyMatch(heading -> !heading.isEmpty())) {
      lines.add(headings);
    }
    lines.addAll(rows);
    StringBuilder text = new StringBuilder();
    for (List<String> line : lines) {
      StringBuilder padded = new StringBuilder();
      for (int i = 0; i < columns.size(); i++) {
        padded.append(i == 0 ? "" : "  ").append(columns.get(i).pad(line.get(i), width(lines, i)));
      }
      text.append(padded.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }

  private static int width(List<List<String>> lines, int column) {
    return lines.stream().mapToInt(line -> line.get(column).length()).max().orElse(0);
  }
}
