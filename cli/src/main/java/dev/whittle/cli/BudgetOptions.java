package dev.whittle.cli;

import dev.whittle.allocation.MixedPrecision;
import dev.whittle.allocation.SizeBudget;
import dev.whittle.cli.TypeOptions.WeightTypeConverter;
import dev.whittle.data.CorpusLimits;
import dev.whittle.data.Dataset;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.quantization.TypeSelection;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// A size in place of a type: the type of each tensor is chosen by measured sensitivity.
final class BudgetOptions implements OptionRules {
  /// More than enough documents for any number of tokens that one would measure on.
  private static final int DOCUMENTS = 4096;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--target-bpw",
      paramLabel = "X",
      description =
          "Choose each tensor's type by what lowering it costs the model, so that the file has at"
              + " most so many bits a weight. In place of a type.")
  private @Nullable Double bitsPerWeight;

  @Option(
      names = "--target-bytes",
      paramLabel = "N",
      description = "Likewise, so that the whole file has at most so many bytes.")
  private @Nullable Long bytes;

  @Option(
      names = "--candidate-types",
      paramLabel = "TYPE",
      split = ",",
      converter = WeightTypeConverter.class,
      description = "The types to choose from; ${DEFAULT-VALUE} by default.")
  private List<GgmlType> candidates =
      List.of(
          GgmlType.TQ1_0,
          GgmlType.Q2_0,
          GgmlType.Q2_K,
          GgmlType.Q3_K,
          GgmlType.IQ4_NL,
          GgmlType.Q4_K,
          GgmlType.Q5_K,
          GgmlType.Q6_K,
          GgmlType.Q8_0);

  @Option(
      names = "--sensitivity",
      paramLabel = "FILE",
      description =
          "Where measured sensitivities are kept, as JSON; by default, beside the model, as"
              + " MODEL.sensitivity.json.")
  private @Nullable Path cache;

  @Option(
      names = "--sensitivity-tokens",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Measure sensitivities on so many tokens of the text, and compare on as many others;"
              + " ${DEFAULT-VALUE} by default.")
  private int tokens = 16384;

  /// Whether there is a size to keep to.
  boolean isGiven() {
    return bitsPerWeight != null || bytes != null;
  }

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(
            isGiven(),
            "--target-bpw or --target-bytes",
            "--candidate-types",
            "--sensitivity",
            "--sensitivity-tokens"));
  }

  /// Fails unless there is either a type or a size.
  ///
  /// @param option what a type is given by
  void requireOneOf(@Nullable FileType type, String option) {
    if (isGiven() == (type != null)) {
      throw new ParameterException(
          command.commandLine(),
          type == null
              ? "the type is missing; give "
                  + option
                  + ", or a size with --target-bpw or --target-bytes"
              : "the types follow from the size; leave out " + option);
    }
  }

  /// The types that keep to the size.
  ///
  /// @param limits how long a document may be
  /// @param completionOnly whether the tokens that the model is to produce count alone
  /// @param given types that are fixed by patterns
  /// @param fileBytes the size of the file that would be written
  TypeSelection choose(
      Path model,
      List<Dataset> data,
      CorpusLimits limits,
      boolean completionOnly,
      TypeSelection given,
      ToLongFunction<TypeSelection> fileBytes,
      int threads,
      Terminal terminal)
      throws IOException {
    SizeBudget budget = budget(fileBytes);
    Path kept = cache == null ? Path.of(model + ".sensitivity.json") : cache;
    OutputFile.check(kept, true);
    MixedPrecision mixed =
        new MixedPrecision(
            model,
            given,
            candidates,
            budget,
            CalibrationText.read(model, data, limits, DOCUMENTS, terminal),
            tokens,
            completionOnly,
            kept,
            threads);
    MixedPrecision.Choice choice;
    try (Progress progress = new Progress(terminal, "sensitivity", "types")) {
      choice =
          mixed.choose(
              new MixedPrecision.Listener() {
                @Override
                public void measuring(GgmlType type, int done, int count) {
                  progress.update(done, count, type.name());
                }

                @Override
                public void chosen(int number, double divergence) {
                  progress.update(
                      candidates.size(),
                      candidates.size(),
                      "choice %d: KL divergence %.4f".formatted(number + 1, divergence));
                }
              });
    }
    terminal.say(
        "types for %s: KL divergence %.4f nats a token on held-out text, with weights rounded to nearest"
            .formatted(budget, choice.divergence()));
    return choice.selection();
  }

  private SizeBudget budget(ToLongFunction<TypeSelection> fileBytes) {
    if (bitsPerWeight != null && bytes != null) {
      throw new ParameterException(
          command.commandLine(), "--target-bpw and --target-bytes are two sizes; leave out one");
    }
    if (bytes != null) {
      return new SizeBudget.FileBytes(bytes, fileBytes);
    }
    if (bitsPerWeight == null || !(bitsPerWeight > 0 && bitsPerWeight <= 16)) {
      throw new ParameterException(
          command.commandLine(), "--target-bpw must be more than 0 and at most 16");
    }
    return new SizeBudget.BitsPerWeight(bitsPerWeight);
  }
}
