package dev.whittle.cli;

import dev.whittle.blockwise.BlockwiseQuantizer;
import dev.whittle.cli.TransformOptions.Method;
import dev.whittle.cli.TransformOptions.MethodConverter;
import dev.whittle.cli.TypeOptions.FileTypeConverter;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gptq.GptqQuantizer;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.ImportanceCollector;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.transform.FoldedModel;
import dev.whittle.transform.ModelTransformer;
import dev.whittle.transform.TransformKind;
import dev.whittle.transform.TransformSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
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
final class QuantizeCommand implements Callable<Integer>, Checkable, OptionRules {
  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "IN", description = "The model, a GGUF file.")
  private Path source;

  @Parameters(index = "1", paramLabel = "OUT", description = "The GGUF file to write.")
  private Path target;

  @Parameters(
      index = "2",
      arity = "0..1",
      paramLabel = "TYPE",
      converter = FileTypeConverter.class,
      description = "The type, as llama-quantize calls it: Q2_K, Q4_K_M, TQ2_0 and so on.")
  private @Nullable FileType type;

  @Option(
      names = "--method",
      paramLabel = "METHOD",
      converter = MethodConverter.class,
      description =
          "How to round: rtn (to nearest), imatrix (columns by their importance), fitted (with"
              + " scales that are searched for, where that helps), gptq (column by column, the"
              + " error of each made up for by the next ones; needs -f), or blockwise (gptq, and"
              + " then training of each layer's blocks until its outputs are close to those of"
              + " full precision; needs -f, and some minutes). The name of a transform"
              + " stands for it and the rounding that suits it: awq and smoothquant for fitted, the"
              + " others for gptq. By default, imatrix where --imatrix is given, gptq where -f is,"
              + " and rtn elsewhere.")
  private @Nullable Method method;

  @Mixin private TransformOptions transform;

  @Option(
      names = "--imatrix",
      paramLabel = "FILE",
      description = "An importance matrix, of 'whittle imatrix' or llama-imatrix.")
  private @Nullable Path importanceFile;

  @Mixin private CalibrationOptions calibration;
  @Mixin private TypeOptions types;
  @Mixin private BudgetOptions budget;

  @Option(
      names = "--allow-requantize",
      description = "Take a model that is quantized already, at a loss.")
  private boolean allowRequantize;

  @Option(names = "--dry-run", description = "Say what would become of each tensor, and stop.")
  private boolean dryRun;

  @Option(names = "--force", description = "Replace the file if it exists.")
  private boolean force;

  @Mixin private ThreadsOption threads;
  @Mixin private ResultOption result;

  @Override
  public Integer call() throws IOException {
    check();
    if (!dryRun) {
      OutputFile.check(target, force, source, importanceFile, calibration.file());
    }
    TransformKind kind = transform();
    if (kind == null) {
      quantize(source, null);
    } else {
      transform(kind);
    }
    return ExitCode.OK;
  }

  /// Transforms the model, and quantizes what has become of it.
  private void transform(TransformKind kind) throws IOException {
    TransformSettings settings = transform.settings(kind);
    try (ModelFile model = ModelFile.open(source)) {
      boolean weighted = rounding() != QuantizationMethod.RTN && calibration.file() != null;
      QuantizationPlan plan = ModelTransformer.plan(kind, types.select(type), model, weighted);
      if (dryRun) {
        show(plan);
        return;
      }
      TokenizedCorpus text =
          calibration.file() == null
              ? null
              : calibration.read(source, rounding(), whittle.terminal());
      try (FoldedModel folded = fold(settings, plan, model, text)) {
        quantize(folded.path(), text);
      }
      if (kind.rotatesStream() && model.config().tied()) {
        whittle
            .terminal()
            .say(
                "the head was tied to the token embedding; its own tensor takes %,d bytes"
                    .formatted(plan.assignment(ModelFile.OUTPUT).orElseThrow().bytes()));
      }
    }
  }

  private FoldedModel fold(
      TransformSettings settings,
      QuantizationPlan plan,
      ModelFile model,
      @Nullable TokenizedCorpus text)
      throws IOException {
    ModelTransformer transformer =
        new ModelTransformer(settings, plan, rounding(), threads.threads());
    try (Progress progress =
        new Progress(whittle.terminal(), settings.kind().toString(), "steps")) {
      return FoldedModel.of(
          transformer, model, text, target, (done, count) -> progress.update(done, count, ""));
    }
  }

  /// @param path the model, transformed or not
  /// @param text the calibration text, if it has been read already
  private void quantize(Path path, @Nullable TokenizedCorpus text) throws IOException {
    if (rounding().isCalibrated()) {
      calibrated(path, text);
      return;
    }
    ImportanceMatrix importance = importance(path, text);
    PostTrainingQuantizer quantizer =
        new PostTrainingQuantizer(
            selection(importance), rounding(), importance, allowRequantize, threads.threads());
    try (GgufFile model = GgufFile.open(path)) {
      if (dryRun) {
        show(quantizer.plan(model));
      } else {
        quantize(quantizer, model);
      }
    }
  }

  /// What the options select, or what keeps to the size that they ask for.
  private TypeSelection selection(@Nullable ImportanceMatrix importance) throws IOException {
    if (type != null) {
      return types.select(type);
    }
    try (GgufFile model = GgufFile.open(source)) {
      return budget.choose(
          source,
          List.of(calibration.dataset()),
          calibration.limits(),
          false,
          types.select(FileType.Q2_K),
          selection ->
              new PostTrainingQuantizer(
                      selection, rounding(), importance, allowRequantize, threads.threads())
                  .fileBytes(model),
          threads.threads(),
          whittle.terminal());
    }
  }

  private void calibrated(Path path, @Nullable TokenizedCorpus text) throws IOException {
    PostTrainingQuantizer quantizer =
        new PostTrainingQuantizer(
            selection(null), rounding(), null, allowRequantize, threads.threads());
    try (ModelFile model = ModelFile.open(path)) {
      if (dryRun) {
        show(quantizer.plan(model.file()));
        return;
      }
      TokenizedCorpus corpus =
          text == null ? calibration.read(source, rounding(), whittle.terminal()) : text;
      QuantizationPlan plan;
      try (GptqProgress progress = new GptqProgress(whittle.terminal(), rounding())) {
        plan =
            rounding() == QuantizationMethod.GPTQ
                ? new GptqQuantizer(quantizer, calibration.settings())
                    .quantize(model, corpus, calibration.kept(), target, force, progress)
                : new BlockwiseQuantizer(quantizer, calibration.blockwise())
                    .quantize(model, corpus, calibration.kept(), target, force, progress);
      }
      report(plan);
    }
  }

  /// The importance matrix, read or collected, if the method takes one.
  private @Nullable ImportanceMatrix importance(Path path, @Nullable TokenizedCorpus text) {
    if (importanceFile != null) {
      return ImportanceMatrix.read(importanceFile);
    }
    if (text == null || rounding() == QuantizationMethod.RTN) {
      return null;
    }
    ImportanceCollector collector =
        ImportanceCollector.withDefaults().withThreads(threads.threads());
    try (LlamaModel model = LlamaModel.load(path, LlamaModelOptions.defaults());
        Progress progress = new Progress(whittle.terminal(), "imatrix", "chunks")) {
      long chunks = text.tokens() / collector.chunkSize();
      return collector.collect(
          model,
          () -> IntStream.range(0, text.size()).mapToObj(i -> text.document(i).tokens()).iterator(),
          String.valueOf(calibration.file()),
          done -> progress.update(done, chunks, ""));
    }
  }

  private @Nullable TransformKind transform() {
    return method == null || method.transform() == null ? transform.kind() : method.transform();
  }

  private QuantizationMethod rounding() {
    if (method != null) {
      return method.rounding();
    }
    if (calibration.file() != null) {
      return QuantizationMethod.GPTQ;
    }
    return importanceFile == null ? QuantizationMethod.RTN : QuantizationMethod.IMATRIX;
  }

  private String name() {
    return rounding().name().toLowerCase(Locale.ROOT);
  }

  @Override
  public List<OptionRule> rules() {
    TransformKind kind = transform();
    boolean transformed = kind != null;
    boolean calibrated = rounding().isCalibrated();
    boolean text = calibration.file() != null;
    // What a transform learns nothing from, the rounding behind it may. And where an importance
    // matrix is missing, it is that which is wrong.
    boolean learns =
        transformed
            ? kind.needsText() || rounding() != QuantizationMethod.RTN
            : calibrated || budget.isGiven() || lacksImportance();
    return List.of(
        OptionRule.with(
            !text || learns,
            "--method gptq or blockwise, a transform, --target-bpw or --target-bytes",
            "-f"),
        OptionRule.with(text, "calibration text (-f)", "-c", "--overlong", "--domain"),
        OptionRule.with(
            text && (calibrated || transformed),
            "calibration text (-f) for --method gptq or blockwise, or for a transform",
            "--calibration-documents"),
        OptionRule.with(
            calibrated, "--method gptq or blockwise", "--keep-layers", "--column-order"),
        OptionRule.with(
            rounding() == QuantizationMethod.BLOCKWISE,
            "--method blockwise",
            "--calibration-epochs"),
        OptionRule.with(
            transformed || (!calibrated && rounding() != QuantizationMethod.RTN),
            "--method imatrix or fitted",
            "--imatrix"),
        OptionRule.with(kind == TransformKind.SMOOTHQUANT, "--transform smoothquant", "--alpha"),
        OptionRule.with(
            kind == TransformKind.SPINQUANT || kind == TransformKind.FLATQUANT,
            "--transform spinquant or flatquant",
            "--transform-steps"),
        OptionRule.with(
            transformed && kind.isRandom(), "--transform quarot, spinquant or flatquant", "--seed"),
        OptionRule.without(!budget.isGiven(), "--target-bpw or --target-bytes", "--pure"));
  }

  @Override
  public void check() {
    TransformKind kind = transform();
    boolean text = calibration.file() != null;
    budget.requireOneOf(type, "TYPE");
    if (budget.isGiven() && kind != null) {
      throw usage("types by size are chosen for weights as they are; leave out " + kind);
    }
    if (kind != null) {
      requireMatching(kind);
    }
    if (budget.isGiven() && !text) {
      throw usage("types by size are chosen by what a text shows; add -f CALIB");
    }
    if (lacksImportance() && (kind == null || !text)) {
      throw usage(
          kind == null
              ? "the method imatrix needs an importance matrix; add --imatrix FILE"
              : "the method imatrix needs calibration text for transformed weights; add -f CALIB");
    }
    boolean calibrated = rounding().isCalibrated();
    if (calibrated && !text) {
      throw usage("the method " + name() + " needs calibration text; add -f CALIB");
    }
  }

  private boolean lacksImportance() {
    return rounding() == QuantizationMethod.IMATRIX && importanceFile == null;
  }

  private void requireMatching(TransformKind kind) {
    if (method != null && method.transform() != null && transform.kind() != null) {
      throw usage(
          "--method "
              + kind
              + " names a transform itself; leave out --transform, or name a rounding");
    }
    if (importanceFile != null) {
      throw usage(
          "an importance matrix of the model does not fit its transformed weights; give the text by"
              + " -f in place of --imatrix");
    }
    if (kind.needsText() && calibration.file() == null) {
      throw usage("the transform " + kind + " needs calibration text; add -f CALIB");
    }
    if (kind.needsTypes() && !type.mainType().isQuantized()) {
      throw usage(
          "the transform " + kind + " is made for a quantized type, and " + type + " is none");
    }
  }

  private ParameterException usage(String sentence) {
    return new ParameterException(spec.commandLine(), sentence);
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
    report(plan);
  }

  private void report(QuantizationPlan plan) throws IOException {
    long substituted = plan.tensors().stream().filter(Assignment::isSubstituted).count();
    if (substituted > 0) {
      whittle
          .terminal()
          .say(
              "%,d of %,d tensors got another type, since their rows do not fit; --dry-run shows which"
                  .formatted(substituted, plan.tensors().size()));
    }
    Map<String, Object> object = ResultOption.written(target);
    object.put("type", plan.fileType().name());
    object.put("bits_per_weight", plan.bitsPerWeight());
    object.put("tensors_of_other_types", substituted);
    result.tell(
        whittle.terminal(),
        "%s: %s, %.3f bits a weight, %,d bytes (%s has %,d)"
            .formatted(
                target,
                plan.fileType(),
                plan.bitsPerWeight(),
                Files.size(target),
                source,
                Files.size(source)),
        object);
  }

  /// Says what would become of each tensor.
  private void show(QuantizationPlan plan) {
    if (!result.isJson()) {
      whittle.terminal().print(new TypeTable(plan).toString());
      return;
    }
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("type", plan.fileType().name());
    object.put("tensors", PlanReport.TensorType.of(plan));
    object.put("bits_per_weight", plan.bitsPerWeight());
    object.put("tensor_bytes", plan.bytes());
    whittle.terminal().printJson(object);
  }
}
