package dev.whittle.data;

/// How far a data set was gone through: what comes next is this row of this epoch.
///
/// @param epoch from 0
/// @param row of the epoch's packed rows, from 0
public record DataPosition(int epoch, int row) {
  public static final DataPosition START = new DataPosition(0, 0);

  public DataPosition {
    if (epoch < 0 || row < 0) {
      throw new IllegalArgumentException("row " + row + " of epoch " + epoch);
    }
  }
}
