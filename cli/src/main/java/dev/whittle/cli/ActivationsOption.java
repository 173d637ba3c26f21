package dev.whittle.cli;

import dev.whittle.model.Trunk.Activations;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// What is kept for the backward pass: `--activations`.
final class ActivationsOption {
  @Option(
      names = "--activations",
      paramLabel = "KIND",
      converter = Converter.class,
      description =
          "What the backward pass needs of the forward pass: kept (faster), or recomputed layer by"
              + " layer (in a fraction of the memory); by default, kept if there is memory for it.")
  private @Nullable Activations wanted;

  /// What was asked for; null to decide by the memory there is.
  @Nullable Activations wanted() {
    return wanted;
  }

  /// What was asked for, in a word.
  String name() {
    return wanted == null ? "auto" : wanted.name();
  }

  static final class Converter implements ITypeConverter<Activations> {
    @Override
    public Activations convert(String value) {
      return switch (value.toLowerCase(Locale.ROOT)) {
        case "kept" -> Activations.KEPT;
        case "recomputed" -> Activations.RECOMPUTED;
        default ->
            throw new TypeConversionException("'" + value + "' is not 'kept' or 'recomputed'");
      };
    }
  }
}
