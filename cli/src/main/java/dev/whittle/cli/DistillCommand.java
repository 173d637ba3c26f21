package dev.whittle.cli;

import dev.whittle.cli.TypeOptions.FileTypeConverter;
import dev.whittle.distillation.DistillationJob;
import dev.whittle.distillation.DistillationRequest;
import dev.whittle.distillation.DistillationResult;
import dev.whittle.distillation.Start;
import dev.whittle.ggml.FileType;
import dev.whittle.quantization.TypeSelection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// `whittle distill`: quantization-aware distillation.
@Command(
    name = "distill",
    description = {
      "Lowers a model to a quantized type and trains the quantized weights to behave like the model"
          + " itself. The file holds the very blocks that were trained.",
      ""
    },
    sortOptions = false)
final class DistillCommand implements Callable<Integer> {
  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Mixin private ModelOption teacher;
  @Mixin private DataOption data;
  @Mixin private OutputFile output;

  @Option(
      names = "--type",
      required = true,
      paramLabel = "TYPE",
      converter = FileTypeConverter.class,
      description = "The type, as llama-quantize calls it: Q2_K, TQ2_0, Q4_0 and so on.")
  private FileType type;

  @Mixin private TypeOptions types;

  @Option(
      names = "--init",
      paramLabel = "METHOD|FILE",
      description =
          "Where the weights start: rtn (rounded to nearest), imatrix (by importance), or a GGUF"
              + " file of the same model; ${DEFAULT-VALUE} by default.")
  private String start = "imatrix";

  @Option(
      names = "--imatrix",
      paramLabel = "FILE",
      description = "An importance matrix; by default, one is collected from the data if needed.")
  private @Nullable Path importance;

  @Mixin private TrainingOptions training;

  @Option(
      names = "--run-dir",
      paramLabel = "DIR",
      description = "Keep settings, metrics and checkpoints in this folder.")
  private @Nullable Path runDirectory;

  @Option(
      names = "--checkpoint-steps",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Steps between checkpoints; ${DEFAULT-VALUE} by default.")
  private int checkpointSteps = 100;

  @Option(names = "--resume", description = "Go on with the run in --run-dir.")
  private boolean resume;

  @Mixin private ThreadsOption threads;

  @Override
  public Integer call() throws IOException {
    if (resume && runDirectory == null) {
      throw new ParameterException(
          spec.commandLine(), "--resume needs the run to go on with; add --run-dir DIR");
    }
    TypeSelection selection = types.select(type);
    DistillationRequest request =
        new DistillationRequest(
            teacher.path(),
            data.path(),
            output.require(),
            selection,
            start(),
            importance,
            training.settings(selection.fileType().mainType()),
            threads.threads(),
            null,
            runDirectory,
            checkpointSteps,
            resume,
            output.mayReplace());
    teacher.requireSound();
    DistillationResult result;
    try (TrainingProgress progress = new TrainingProgress(whittle.terminal(), "distill");
        InterruptionNotice _ = new InterruptionNotice(whittle.terminal(), interrupted())) {
      result = new DistillationJob(request, progress).run();
    } catch (ArithmeticException e) {
      throw new FruitlessException(e.getMessage(), e);
    }
    whittle.terminal().say(summary(result));
    return ExitCode.OK;
  }

  private String interrupted() {
    return runDirectory == null
        ? "interrupted; nothing was written"
        : "interrupted; add --resume to go on from the last checkpoint in " + runDirectory;
  }

  private Start start() {
    return switch (start.toLowerCase(Locale.ROOT)) {
      case "rtn" -> new Start.RoundToNearest();
      case "imatrix" -> new Start.Importance();
      default -> {
        Path file = Path.of(start);
        if (!Files.exists(file)) {
          throw new UnusableException(
              "--init names '"
                  + start
                  + "', which is neither rtn nor imatrix nor a file; name one of them");
        }
        yield new Start.Model(file);
      }
    };
  }

  private String summary(DistillationResult result) throws IOException {
    String size = "%s: %s, %,d bytes".formatted(output.path(), type, Files.size(output.path()));
    if (result.firstStep() == null || result.lastStep() == null) {
      return size + "; the run was complete already";
    }
    return size
        + "; %,d steps, %,d tokens, %s, loss %.4f at first and %.4f at last"
            .formatted(
                result.steps(),
                result.tokens(),
                Progress.duration((long) (result.seconds() * 1e9)),
                result.firstStep().loss(),
                result.lastStep().loss());
  }
}
