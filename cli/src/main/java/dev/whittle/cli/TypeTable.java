package dev.whittle.cli;

import dev.whittle.cli.Table.Column;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.QuantizationPlan.Assignment;

/// What becomes of each tensor of a model, for people.
record TypeTable(QuantizationPlan plan) {
  @Override
  public String toString() {
    Table table =
        new Table(
            Column.left("tensor"),
            Column.left("type"),
            Column.left("becomes"),
            Column.right("bytes"));
    for (Assignment assignment : plan.tensors()) {
      table.row(
          MetadataView.line(assignment.tensor().name()),
          assignment.tensor().type().name(),
          assignment.type().name() + substitution(assignment),
          "%,d".formatted(assignment.bytes()));
    }
    return table
        + "\n%s: %,d bytes of tensors, %.3f bits a weight\n"
            .formatted(plan.fileType(), plan.bytes(), plan.bitsPerWeight());
  }

  private static String substitution(Assignment assignment) {
    return assignment.isSubstituted() ? " (rows do not fit " + assignment.requested() + ")" : "";
  }
}
