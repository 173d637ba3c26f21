package dev.whittle.model;

/// The shape of a micro-batch: rows of tokens, each holding one or more whole documents.
///
/// Attention costs as much as the rows are long, so rows should be no longer than the longest
/// document.
///
/// @param rows how many rows
/// @param rowLength tokens in a row
public record BatchShape(int rows, int rowLength) {
  public BatchShape {
    if (rows < 1 || rowLength < 1) {
      throw new IllegalArgumentException(
          "a micro-batch of " + rows + " rows of " + rowLength + " tokens is empty");
    }
  }

  public int tokens() {
    return Math.multiplyExact(rows, rowLength);
  }
}
