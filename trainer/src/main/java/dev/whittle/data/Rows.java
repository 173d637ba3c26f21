package dev.whittle.data;

/// The rows of a data set's file, one after the other.
interface Rows extends AutoCloseable {
  /// Goes on to the next row, at first to the first one.
  ///
  /// @return false at the end
  /// @throws DataException if the file cannot be read
  boolean advance();

  /// What the row is an example of.
  ///
  /// @throws DataException if it is malformed; the message names the row and the field
  Example example();

  /// How many there are from here on. There is nothing more to read afterwards.
  ///
  /// @throws DataException if the file cannot be read
  long count();

  @Override
  void close();
}
