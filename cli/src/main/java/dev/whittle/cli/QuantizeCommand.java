package dev.whittle.cli;

import dev.whittle.cli.TypeOptions.FileTypeConverter;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.FileType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gptq.GptqQuantizer;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// `whittle quantize`: post-training quantization.
@Command(
    name = "quantize",
    description = {
      "Rounds a model's weights to a smaller type, without training. With the methods rtn and"
          + " imatrix, the file is the one that llama-quantize writes.",
      ""
    })
final class QuantizeCommand implements Callable<Integer> {
  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "IN", description = "The model, a GGUF file.")
  private Path source;

  @Parameters(index = "1", paramLabel = "OUT", description = "The GGUF file to write.")
  private Path target;

  @Parameters(
      index = "2",
      paramLabel = "TYPE",
      converter = FileTypeConverter.class,
      description = "The type, as llama-quantize calls it: Q2_K, Q4_K_M, TQ2_0 and so on.")
  private FileType type;

  @Option(
      names = "--method",
      paramLabel = "METHOD",
      description =
          "How to round: rtn (to nearest), imatrix (columns by their importance), fitted (with"
              + " scales that are searched for, where that helps), or gptq (column by column, the"
              + " error of each made up for by the next ones; needs -f). By default, imatrix where"
              + " --imatrix is given, gptq where -f is, and rtn elsewhere.")
  private @Nullable QuantizationMethod method;

  @Option(
      names = "--imatrix",
      paramLabel = "FILE",
      description = "An importance matrix, of 'whittle imatrix' or llama-imatrix.")
  private @Nullable Path importanceFile;

  @Mixin private CalibrationOptions calibration;
  @Mixin private TypeOptions types;

  @Option(
      names = "--allow-requantize",
      description = "Take a model that is quantized already, at a loss.")
  private boolean allowRequantize;

  @Option(names = "--dry-run", description = "Say what would become of each tensor, and stop.")
  private boolean dryRun;

  @Option(names = "--force", description = "Replace the file if it exists.")
  private boolean force;

  @Mixin private ThreadsOption threads;

  @Override
  public Integer call() throws IOException {
    requireMatchingMethod();
    if (!dryRun) {
      OutputFile.check(target, force);
    }
    if (method() == QuantizationMethod.GPTQ) {
      return calibrated();
    }
    @Nullable ImportanceMatrix importance =
        importanceFile == null ? null : ImportanceMatrix.read(importanceFile);
    try (GgufFile model = GgufFile.open(source)) {
      PostTrainingQuantizer quantizer =
          new PostTrainingQuantizer(
              types.select(type), method(), importance, allowRequantize, threads.threads());
      if (dryRun) {
        whittle.terminal().print(new TypeTable(quantizer.plan(model)).toString());
      } else {
        quantize(quantizer, model);
      }
    }
    return ExitCode.OK;
  }

  private int calibrated() throws IOException {
    Path text = Objects.requireNonNull(calibration.file());
    PostTrainingQuantizer quantizer =
        new PostTrainingQuantizer(
            types.select(type), QuantizationMethod.GPTQ, null, allowRequantize, threads.threads());
    try (ModelFile model = ModelFile.open(source)) {
      if (dryRun) {
        whittle.terminal().print(new TypeTable(quantizer.plan(model.file())).toString());
        return ExitCode.OK;
      }
      TokenizedCorpus corpus = calibration.read(text, source);
      QuantizationPlan plan;
      try (GptqProgress progress = new GptqProgress(whittle.terminal())) {
        plan =
            new GptqQuantizer(quantizer, calibration.settings())
                .quantize(model, corpus, target, force, progress);
      }
      report(plan, model.file());
    }
    return ExitCode.OK;
  }

  private QuantizationMethod method() {
    if (method != null) {
      return method;
    }
    if (calibration.file() != null) {
      return QuantizationMethod.GPTQ;
    }
    return importanceFile == null ? QuantizationMethod.RTN : QuantizationMethod.IMATRIX;
  }

  private void requireMatchingMethod() {
    if (method() == QuantizationMethod.IMATRIX && importanceFile == null) {
      throw new ParameterException(
          spec.commandLine(), "the method imatrix needs an importance matrix; add --imatrix FILE");
    }
    boolean gptq = method() == QuantizationMethod.GPTQ;
    if (gptq && calibration.file() == null) {
      throw new ParameterException(
          spec.commandLine(), "the method gptq needs calibration text; add -f CALIB");
    }
    if (!gptq && calibration.file() != null) {
      throw new ParameterException(
          spec.commandLine(), "only the method gptq takes calibration text; leave out -f");
    }
    if (gptq && importanceFile != null) {
      throw new ParameterException(
          spec.commandLine(),
          "the method gptq finds out by itself which columns matter; leave out --imatrix");
    }
    if (method() == QuantizationMethod.RTN && importanceFile != null) {
      throw new ParameterException(
          spec.commandLine(), "the method rtn takes no importance matrix; leave out --imatrix");
    }
  }

  private void quantize(PostTrainingQuantizer quantizer, GgufFile model) throws IOException {
    QuantizationPlan plan;
    try (Progress progress = new Progress(whittle.terminal(), "quantize", "tensors")) {
      plan =
          quantizer.quantize(
              model,
              target,
              force,
              report ->
                  progress.update(
                      report.index() + 1, report.count(), report.assignment().tensor().name()));
    }
    report(plan, model);
  }

  private void report(QuantizationPlan plan, GgufFile model) throws IOException {
    long substituted = plan.tensors().stream().filter(Assignment::isSubstituted).count();
    if (substituted > 0) {
      whittle
          .terminal()
          .say(
              "%,d of %,d tensors got another type, since their rows do not fit; --dry-run shows which"
                  .formatted(substituted, plan.tensors().size()));
    }
    whittle
        .terminal()
        .say(
            "%s: %s, %.3f bits a weight, %,d bytes (%s has %,d)"
                .formatted(
                    target,
                    plan.fileType(),
                    plan.bitsPerWeight(),
                    Files.size(target),
                    source,
                    model.fileBytes()));
  }
}
