package dev.whittle.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Reads a count: a whole number of 1 or more.
final class PositiveInt implements ITypeConverter<Integer> {
  @Override
  public Integer convert(String value) {
    try {
      long count = Long.parseLong(value);
      if (count > Integer.MAX_VALUE) {
        throw new TypeConversionException(
            "'" + value + "' is more than the " + Integer.MAX_VALUE + " that there can be");
      }
      if (count >= 1) {
        return (int) count;
      }
    } catch (NumberFormatException _) {
      // The sentence below says what is wanted.
    }
    throw new TypeConversionException("'" + value + "' is not a whole number of 1 or more");
  }
}
