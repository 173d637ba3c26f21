package dev.whittle.cli;

import dev.whittle.ggml.LlamaContextOptions;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Reads how many sequences are generated at once: 1 to as many as a context of llama.cpp can hold.
final class SequenceCount implements ITypeConverter<Integer> {
  @Override
  public Integer convert(String value) {
    int count = new PositiveInt().convert(value);
    if (count > LlamaContextOptions.MOST_SEQUENCES) {
      throw new TypeConversionException(
          "'%s' is more than the %d sequences that llama.cpp can generate at once"
              .formatted(value, LlamaContextOptions.MOST_SEQUENCES));
    }
    return count;
  }
}
