package dev.whittle.cli;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.quantization.TypeSelection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// Which tensor gets which type, with the names of `llama-quantize`.
final class TypeOptions {
  @Option(names = "--pure", description = "Give all matrices the main type, instead of a mix.")
  private boolean pure;

  @Option(
      names = "--tensor-type",
      paramLabel = "RE=TYPE",
      converter = TensorTypeConverter.class,
      description =
          "Give this type to tensors whose name matches the regular expression; may be repeated,"
              + " the first that matches counts.")
  private List<TensorType> tensorTypes = new ArrayList<>();

  /// What the options select, with `type` for the rest.
  TypeSelection select(FileType type) {
    TypeSelection selection = TypeSelection.of(type).withPure(pure);
    for (TensorType tensorType : tensorTypes) {
      selection = selection.withTensorType(tensorType.name(), tensorType.type());
    }
    return selection;
  }

  private record TensorType(Pattern name, GgmlType type) {}

  /// Reads the name of a mix, in upper or lower case.
  static final class FileTypeConverter implements ITypeConverter<FileType> {
    @Override
    public FileType convert(String value) {
      return FileType.ofName(value)
          .orElseThrow(() -> unknown(value, Arrays.stream(FileType.values())));
    }
  }

  private static final class TensorTypeConverter implements ITypeConverter<TensorType> {
    @Override
    public TensorType convert(String value) {
      int separator = value.lastIndexOf('=');
      if (separator < 1) {
        throw new TypeConversionException(
            "'" + value + "' is not of the form RE=TYPE, such as 'ffn_down=q4_K'");
      }
      return new TensorType(
          pattern(value.substring(0, separator)), weightType(value.substring(separator + 1)));
    }

    private static Pattern pattern(String regex) {
      try {
        return Pattern.compile(regex);
      } catch (PatternSyntaxException e) {
        throw new TypeConversionException(
            "'" + regex + "' is not a regular expression (" + e.getDescription() + ")");
      }
    }
  }

  /// Reads the name of a type of weights, in upper or lower case.
  static final class WeightTypeConverter implements ITypeConverter<GgmlType> {
    @Override
    public GgmlType convert(String value) {
      return weightType(value);
    }
  }

  private static GgmlType weightType(String value) {
    return GgmlType.ofName(value)
        .filter(GgmlType::isWeightType)
        .orElseThrow(
            () -> unknown(value, Arrays.stream(GgmlType.values()).filter(GgmlType::isWeightType)));
  }

  private static TypeConversionException unknown(String value, Stream<? extends Enum<?>> types) {
    return new TypeConversionException(
        "'"
            + value
            + "' is not a type; choose one of "
            + types.map(Enum::name).collect(Collectors.joining(", ")));
  }
}
