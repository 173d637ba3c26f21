package dev.whittle.cli;

import dev.whittle.ggml.Backend;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// How many threads a command computes with: `-t`.
final class ThreadsOption {
  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      converter = Count.class,
      description = "Threads on the CPU; by default, one for each processor.")
  private int threads = Runtime.getRuntime().availableProcessors();

  private static final class Count implements ITypeConverter<Integer> {
    @Override
    public Integer convert(String value) {
      int count = new PositiveInt().convert(value);
      if (count > Backend.MOST_THREADS) {
        throw new TypeConversionException(
            value + " threads are more than the " + Backend.MOST_THREADS + " that ggml can have");
      }
      return count;
    }
  }

  int threads() {
    return threads;
  }
}
