package dev.whittle.cli;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.TypeConversionException;

/// How words of the command line become values, and how default values are written in its help: in
/// the same words.
final class Conversions implements IDefaultValueProvider {
  private Conversions() {}

  /// Has a command and those below it read numbers and names of choices, with sentences for what
  /// they cannot read.
  static void addTo(CommandLine commandLine) {
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setDefaultValueProvider(new Conversions());
    ITypeConverter<Integer> integer = number("whole number", Integer::valueOf);
    ITypeConverter<Long> longInteger = number("whole number", Long::valueOf);
    ITypeConverter<Double> real = number("number", Conversions::finite);
    commandLine.registerConverter(Integer.class, integer);
    commandLine.registerConverter(int.class, integer);
    commandLine.registerConverter(Long.class, longInteger);
    commandLine.registerConverter(long.class, longInteger);
    commandLine.registerConverter(Double.class, real);
    commandLine.registerConverter(double.class, real);
    addChoices(commandLine, commandLine);
  }

  private static void addChoices(CommandLine root, CommandLine command) {
    for (ArgSpec argument : command.getCommandSpec().args()) {
      if (argument.type().isEnum() && argument.converters().length == 0) {
        addChoice(root, argument.type());
      }
    }
    command.getSubcommands().values().forEach(inner -> addChoices(root, inner));
  }

  @SuppressWarnings("unchecked")
  private static <T> void addChoice(CommandLine root, Class<?> type) {
    List<Object> choices = List.of(type.getEnumConstants());
    root.registerConverter(
        (Class<T>) type,
        word ->
            (T)
                choices.stream()
                    .filter(choice -> ((Enum<?>) choice).name().equalsIgnoreCase(word))
                    .findFirst()
                    .orElseThrow(() -> unknown(word, choices)));
  }

  private static TypeConversionException unknown(String word, List<Object> choices) {
    return new TypeConversionException(
        "'"
            + word
            + "' is none of "
            + choices.stream().map(Conversions::written).collect(Collectors.joining(", ")));
  }

  private static <T> ITypeConverter<T> number(String kind, Function<String, T> reader) {
    return word -> {
      try {
        return reader.apply(word);
      } catch (NumberFormatException e) {
        throw new TypeConversionException("'" + word + "' is not a " + kind + " in range");
      }
    };
  }

  /// Nothing on the command line may be infinite, or not a number.
  private static double finite(String word) {
    double value = Double.parseDouble(word);
    if (!Double.isFinite(value)) {
      throw new NumberFormatException(word);
    }
    return value;
  }

  @Override
  public @Nullable String defaultValue(ArgSpec argument) {
    return switch (argument.initialValue()) {
      case Enum<?> choice -> written(choice);
      case Double number -> written(number);
      case List<?> values when argument.splitRegex().equals(",") && !values.isEmpty() ->
          values.stream().map(Conversions::written).collect(Collectors.joining(","));
      case null, default -> null;
    };
  }

  private static String written(Object value) {
    return switch (value) {
      // Types are known by the names that llama.cpp writes in capitals.
      case FileType type -> type.name();
      case GgmlType type -> type.name();
      case Enum<?> choice -> choice.name().toLowerCase(Locale.ROOT);
      case Double number -> written(number.doubleValue());
      default -> value.toString();
    };
  }

  /// `1`, `0.95`, `5e-5`: as one would type it.
  private static String written(double number) {
    return Double.toString(number).replaceFirst("\\.0(?=E|$)", "").replace('E', 'e');
  }
}
