package dev.whittle.cli;

import dev.whittle.chat.ChatTemplateException;
import dev.whittle.cli.Terminal.OutputException;
import dev.whittle.cli.recipe.RecipeException;
import dev.whittle.cli.recipe.RecipeRun.StageException;
import dev.whittle.cli.report.ReportException;
import dev.whittle.data.DataException;
import dev.whittle.distillation.MemoryException;
import dev.whittle.distillation.TeacherCacheException;
import dev.whittle.ggml.NativeException;
import dev.whittle.gguf.GgufException;
import dev.whittle.huggingface.CheckpointException;
import dev.whittle.io.IoProblem;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.synthesis.SynthesisException;
import dev.whittle.training.RunDirectoryException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/// Turns what went wrong into one sentence on standard error and an exit code: 2 for wrong usage or
/// unusable input, 1 for work that failed.
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {
  private static final int LONGEST_SENTENCE = 1000;

  private final Terminal terminal;
  private final BooleanSupplier stacktrace;

  Failures(Terminal terminal, BooleanSupplier stacktrace) {
    this.terminal = terminal;
    this.stacktrace = stacktrace;
  }

  @Override
  public int handleParseException(ParameterException e, String[] args) {
    sayError(
        problem(e) + " See '" + e.getCommandLine().getCommandSpec().qualifiedName() + " --help'.",
        e);
    return ExitCode.USAGE;
  }

  @Override
  public int handleExecutionException(Exception e, CommandLine command, ParseResult parseResult) {
    return e instanceof ParameterException usage
        ? handleParseException(usage, new String[0])
        : report(e);
  }

  /// Says what went wrong, and returns the exit code for it.
  int report(Throwable failure) {
    if (failure instanceof OutputException output && output.isReaderGone()) {
      return ExitCode.SOFTWARE;
    }
    sayError(sentence(failure), failure);
    return isUnusableInput(failure) ? ExitCode.USAGE : ExitCode.SOFTWARE;
  }

  private static boolean isUnusableInput(Throwable failure) {
    return switch (failure) {
      case UnusableException _ -> true;
      case GgufException _ -> true;
      case CheckpointException _ -> true;
      case DataException _ -> true;
      case ChatTemplateException _ -> true;
      case QuantizationException _ -> true;
      case SynthesisException _ -> true;
      case TeacherCacheException _ -> true;
      case RecipeException _ -> true;
      case ReportException _ -> true;
      case StageException e -> e.exitCode() == ExitCode.USAGE;
      case RunDirectoryException _ -> true;
      case FileAlreadyExistsException _ -> true;
      default -> false;
    };
  }

  private static String sentence(Throwable failure) {
    return switch (failure) {
      // These state the problem and the mend themselves.
      case UnusableException e -> e.getMessage();
      case GgufException e -> e.getMessage();
      case CheckpointException e -> e.getMessage();
      case DataException e -> e.getMessage();
      case QuantizationException e -> e.getMessage();
      case SynthesisException e -> e.getMessage();
      case TeacherCacheException e -> e.getMessage();
      case RecipeException e -> e.getMessage();
      case ReportException e -> e.getMessage();
      case StageException e -> e.getMessage();
      case MemoryException e -> e.getMessage();
      case FruitlessException e -> e.getMessage();
      case NativeException e -> e.getMessage();
      case ChatTemplateException e -> e.getMessage();
      case OutputException e -> e.getMessage();
      // What no one caught nearer to the file; its message is the file's name alone.
      case NoSuchFileException e -> e.getFile() + ": " + IoProblem.of(e);
      case AccessDeniedException e -> e.getFile() + ": " + IoProblem.of(e);
      case IOException e -> e.getMessage();
      case UncheckedIOException e -> e.getMessage();
      case OutOfMemoryError e ->
          "Java ran out of memory ("
              + e.getMessage()
              + "); give it more with WHITTLE_JAVA_OPTS=-Xmx8g, or make the task smaller";
      default -> "an unforeseen " + failure + "; please report it with what --stacktrace shows";
    };
  }

  private void sayError(String sentence, Throwable failure) {
    String label = terminal.styled("@|bold,red error:|@ ");
    terminal.say(label + presentable(sentence));
    if (stacktrace.getAsBoolean()) {
      failure.printStackTrace(terminal.err());
    }
  }

  /// What a damaged file says of itself may be part of a sentence: it must not get to control the
  /// terminal, nor to fill it.
  private static String presentable(String sentence) {
    String line = sentence.replaceAll("\\p{Cc}+", " ");
    int excess = line.length() - LONGEST_SENTENCE;
    return excess <= 0
        ? line
        : line.substring(0, LONGEST_SENTENCE / 2)
            + " … "
            + line.substring(LONGEST_SENTENCE / 2 + excess);
  }

  private static String problem(ParameterException e) {
    if (e instanceof UnmatchedArgumentException unmatched) {
      String kind =
          unmatched.isUnknownOption()
              ? "unknown option"
              : e.getCommandLine().getSubcommands().isEmpty()
                  ? "unexpected argument"
                  : "unknown command";
      String word = unmatched.getUnmatched().getFirst();
      return kind
          + " '"
          + word
          + "'"
          + unmatched.getSuggestions().stream()
              .filter(suggestion -> isNear(word, suggestion))
              .findFirst()
              .map(near -> ", did you mean '" + near + "'?")
              .orElse(".");
    }
    String problem = decapitalized(e.getMessage().lines().findFirst().orElse("wrong usage"));
    return problem.endsWith("?") ? problem : problem + ".";
  }

  /// Whether someone may have meant the other word: it begins with this one, or has at least half
  /// of its pairs of letters. picocli suggests something for anything.
  private static boolean isNear(String word, String other) {
    Set<String> pairs = pairs(word);
    Set<String> common = pairs(other);
    common.retainAll(pairs);
    return other.startsWith(word) || 2 * common.size() >= pairs.size();
  }

  private static Set<String> pairs(String word) {
    return IntStream.range(0, word.length() - 1)
        .mapToObj(i -> word.substring(i, i + 2))
        .collect(Collectors.toSet());
  }

  private static String decapitalized(String sentence) {
    return sentence.substring(0, 1).toLowerCase(Locale.ROOT) + sentence.substring(1);
  }
}
