package dev.whittle.cli;

import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.transform.TransformKind;
import dev.whittle.transform.TransformSettings;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// What is done to the weights before they are rounded.
final class TransformOptions {
  @Option(
      names = "--transform",
      paramLabel = "TRANSFORM",
      converter = KindConverter.class,
      description =
          "Change the model before it is rounded, so that it computes the same and rounding costs"
              + " less: awq or smoothquant (scales of channels), quarot or mr-gptq (Hadamard"
              + " rotations, of all or of blocks), spinquant (learned rotations), flatquant (learned"
              + " scales and a learned matrix for each head). All but quarot and mr-gptq need -f. The"
              + " rotations give a tied head a tensor of its own.")
  private @Nullable TransformKind kind;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "SEED",
      description = "Of random rotations; ${DEFAULT-VALUE} by default.")
  private long seed = 1;

  @Option(
      names = "--alpha",
      paramLabel = "X",
      description =
          "For smoothquant: how much of the difficulty goes to the weights, 0 to 1;"
              + " ${DEFAULT-VALUE} by default.")
  private double alpha = 0.5;

  @Option(
      names = "--transform-steps",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "For spinquant and flatquant: steps of learning; ${DEFAULT-VALUE} by default.")
  private int steps = 100;

  @Nullable TransformKind kind() {
    return kind;
  }

  /// @throws UnusableException if alpha is out of range
  TransformSettings settings(TransformKind chosen) {
    if (!(alpha >= 0 && alpha <= 1)) {
      throw new UnusableException("--alpha is " + alpha + "; give a number from 0 to 1");
    }
    return new TransformSettings(chosen, seed, alpha, steps);
  }

  /// A way to quantize: a method of rounding, or the name of a paper's transform with the rounding
  /// that belongs to it.
  record Method(@Nullable TransformKind transform, QuantizationMethod rounding) {}

  /// Reads the name of a method.
  static final class MethodConverter implements ITypeConverter<Method> {
    /// The names of all methods.
    static List<String> names() {
      return Stream.concat(
              Arrays.stream(QuantizationMethod.values())
                  .map(method -> method.name().toLowerCase(Locale.ROOT)),
              Arrays.stream(TransformKind.values()).map(Object::toString))
          .toList();
    }

    @Override
    public Method convert(String value) {
      for (QuantizationMethod method : QuantizationMethod.values()) {
        if (method.name().equalsIgnoreCase(value)) {
          return new Method(null, method);
        }
      }
      TransformKind kind =
          kind(value)
              .orElseThrow(() ->
                  new TypeConversionException(
                      "'"
                          + value
                          + "' is not a method; choose one of "
                          + String.join(", ", names())));
      return new Method(kind, kind.rounding());
    }
  }

  private static final class KindConverter implements ITypeConverter<TransformKind> {
    @Override
    public TransformKind convert(String value) {
      return kind(value)
          .orElseThrow(() ->
              new TypeConversionException(
                  "'"
                      + value
                      + "' is not a transform; choose one of "
                      + Arrays.stream(TransformKind.values())
                          .map(Object::toString)
                          .collect(Collectors.joining(", "))));
    }
  }

  private static Optional<TransformKind> kind(String name) {
    return Arrays.stream(TransformKind.values())
        .filter(kind -> kind.toString().equalsIgnoreCase(name))
        .findFirst();
  }
}
