package dev.whittle.cli;

import dev.whittle.data.Dataset;
import dev.whittle.distillation.EvaluationSettings;
import dev.whittle.distillation.EvaluationSettings.Best;
import dev.whittle.distillation.HeldOut;
import dev.whittle.distillation.TaskQuestions;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How the best step of a training is found.
final class EvaluationOptions implements OptionRules {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--held-out",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Do not train on N documents, spread over the data: their loss is found every --eval-steps"
              + " steps, and the blocks of the step where it is lowest are shipped, not the last ones.")
  private @Nullable Integer heldOut;

  @Option(
      names = "--eval-data",
      paramLabel = "FILE",
      description =
          "Every --eval-steps steps, ask the model as it is the questions of this file, as 'eval'"
              + " does, and ship the blocks of the step that answers most. It should have nothing of"
              + " the data, nor of what the model is measured on in the end.")
  private @Nullable Path questions;

  @Option(
      names = "--eval-limit",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "With --eval-data, ask N questions, from each domain its share; by default, all.")
  private @Nullable Integer limit;

  @Option(
      names = "--eval-predict",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "With --eval-data, cut replies off after so many tokens; ${DEFAULT-VALUE} by default.")
  private int maxTokens = Grading.DEFAULT_TOKENS;

  @Option(
      names = "--best-by",
      paramLabel = "FIGURE",
      description =
          "What the best step has: the lowest loss of --held-out, or the highest accuracy in"
              + " --eval-data; by default, accuracy where there are questions.")
  private @Nullable Best best;

  @Option(
      names = "--eval-steps",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "With --held-out or --eval-data, steps between evaluations; ${DEFAULT-VALUE} by default.")
  private int steps = 100;

  @Option(
      names = "--patience",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "End after N evaluations in a row without a new best one; by default, never.")
  private @Nullable Integer patience;

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(questions != null, "--eval-data", "--eval-limit", "--eval-predict"),
        OptionRule.with(
            questions != null || heldOut != null,
            "--held-out or --eval-data",
            "--eval-steps",
            "--best-by",
            "--patience"));
  }

  /// The file of the questions, if there are any.
  @Nullable Path questions() {
    return questions;
  }

  /// @return null if there are no evaluations
  /// @throws ParameterException if the options contradict each other
  @Nullable EvaluationSettings settings() {
    if (questions == null) {
      require(best != Best.ACCURACY, "--best-by accuracy needs questions; add --eval-data FILE");
    }
    if (heldOut == null) {
      require(best != Best.LOSS, "--best-by loss needs documents to find it on; add --held-out N");
    }
    if (heldOut == null && questions == null) {
      return null;
    }
    Best chosen = best != null ? best : questions == null ? Best.LOSS : Best.ACCURACY;
    return new EvaluationSettings(
        heldOut == null ? null : new HeldOut(heldOut),
        questions == null
            ? null
            : new TaskQuestions(new Dataset(questions), limit == null ? 0 : limit, maxTokens),
        chosen,
        steps,
        patience == null ? 0 : patience);
  }

  private void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new ParameterException(command.commandLine(), otherwise);
    }
  }
}
