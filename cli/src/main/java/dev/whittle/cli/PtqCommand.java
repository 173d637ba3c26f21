package dev.whittle.cli;

import dev.whittle.cli.PtqCell.Format;
import dev.whittle.cli.TransformOptions.MethodConverter;
import dev.whittle.evaluation.EvaluationReport;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.inference.ModelLoader;
import dev.whittle.io.AtomicFile;
import dev.whittle.simulation.SimulatedModel;
import dev.whittle.training.Digests;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.TypeConversionException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `whittle bench ptq`: what methods of post-training quantization make of models.
@Command(
    name = "ptq",
    description = {
      "Quantizes models to formats by methods, without training, and measures what has become of"
          + " them. Each cell runs 'quantize' (or 'simulate') and 'eval' in processes of their own. What"
          + " is measured already is kept; what failed is tried again.",
      ""
    })
final class PtqCommand implements Callable<Integer>, OptionRules {
  static final String DEFAULT_CACHE = "f16";

  private static final int IMPORTANCE_DOCUMENTS = 4096;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  @ParentCommand private BenchCommand bench;

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "MODEL",
      description = "A full-precision model, a GGUF file; may be repeated.")
  private List<Path> models;

  @Option(
      names = {"-f", "--file"},
      required = true,
      paramLabel = "CALIB",
      description = "The text that methods learn from, as in 'whittle quantize'.")
  private Path calibration;

  @Option(
      names = "--test",
      required = true,
      paramLabel = "DATA",
      description = "The questions to ask, as in 'whittle eval'; none that are in CALIB.")
  private Path test;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "DIR",
      description = "The folder for table.md, table.json, chart.svg and what is kept.")
  private Path folder;

  @Option(
      names = "--types",
      split = ",",
      required = true,
      converter = FormatConverter.class,
      paramLabel = "TYPE",
      description =
          "Types of files; simulated formats as sim:WEIGHTS or sim:WEIGHTS:ACTIVATIONS, with the"
              + " names of 'whittle simulate', such as sim:mxfp4:mxfp4@0.75.")
  private List<Format> formats;

  @Option(
      names = "--methods",
      split = ",",
      paramLabel = "METHOD",
      converter = MethodName.class,
      description = "Methods of 'whittle quantize'; by default, all of them.")
  private List<String> methods = MethodConverter.names();

  @Option(
      names = "--cache-types",
      split = ",",
      paramLabel = "TYPE",
      description = "Types of the cache of keys and values; ${DEFAULT-VALUE} by default.")
  private List<String> cacheTypes = List.of(DEFAULT_CACHE);

  @Option(
      names = "--calibration-documents",
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "As in 'whittle quantize', where each method has its own default; importance matrices take"
              + " 4096 lines by default.")
  private @Nullable Integer documents;

  @Option(
      names = "--limit",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Ask N questions, from each domain its share; by default, all.")
  private @Nullable Integer limit;

  @Mixin private ThreadsOption threads;

  @Override
  public List<OptionRule> rules() {
    boolean rounds = formats.stream().anyMatch(Format.Real.class::isInstance);
    return List.of(
        OptionRule.with(rounds, "types of files (--types)", "--methods"),
        OptionRule.with(
            rounds && methods.stream().anyMatch(PtqCell::readsText),
            "types of files and --methods that learn from text",
            "--calibration-documents"));
  }

  @Override
  public Integer call() throws IOException {
    List<PtqCell> cells = cells();
    Files.createDirectories(folder.resolve("cells"));
    List<PtqResult> results = new ArrayList<>();
    try (Progress progress = new Progress(bench.terminal(), "bench ptq", "cells")) {
      for (PtqCell cell : cells) {
        progress.update(results.size(), cells.size(), cell.key());
        results.add(result(cell));
        write(new PtqReport(results));
      }
    }
    bench.terminal().print(new PtqReport(results).toMarkdown());
    return results.stream().allMatch(result -> result.failure() != null)
        ? ExitCode.SOFTWARE
        : ExitCode.OK;
  }

  /// Simulated formats are rounded in one way only.
  private List<PtqCell> cells() {
    List<PtqCell> cells = new ArrayList<>();
    for (Path model : models) {
      ModelLoader.requireSound(model);
      for (Format format : formats) {
        for (String method : format instanceof Format.Simulated ? List.of("rtn") : methods) {
          for (String cacheType : cacheTypes) {
            cells.add(new PtqCell(model, format, method, cacheType));
          }
        }
      }
    }
    return cells;
  }

  private PtqResult result(PtqCell cell) throws IOException {
    Path kept = folder.resolve("cells").resolve(cell.key() + ".json");
    String settings =
        "model %s, calibration %s (%s documents), test %s (%s questions)"
            .formatted(
                digest(cell.model()),
                digest(calibration),
                documents == null ? "default" : documents,
                digest(test),
                limit == null ? "all" : limit);
    if (Files.exists(kept)) {
      try {
        PtqResult before = JSON.readValue(Files.readAllBytes(kept), PtqResult.class);
        if (before.answers(cell, settings)) {
          return before;
        }
      } catch (JacksonException e) {
        bench.terminal().warn(kept + " cannot be read and is measured again");
      }
    }
    PtqResult result;
    try {
      result = measure(cell, settings);
    } catch (FruitlessException e) {
      result = PtqResult.failed(cell, settings, e.getMessage());
    }
    write(kept, JSON.writeValueAsBytes(result));
    return result;
  }

  private static String digest(Path file) {
    return Digests.sha256(file).substring(0, 16);
  }

  private PtqResult measure(PtqCell cell, String settings) throws IOException {
    Path made = folder.resolve(cell.key() + ".gguf");
    try {
      ChildRun quantized = ChildRun.of(quantize(cell, made));
      quantized.require();
      EvaluationReport report =
          JSON.readValue(ChildRun.of(eval(cell, made)).require(), EvaluationReport.class);
      EvaluationReport.Divergence divergence = report.kl();
      long bytes = report.fileBytes();
      double bits = report.bitsPerWeight();
      if (cell.format() instanceof Format.Simulated(var weights, _)) {
        try (GgufFile model = GgufFile.open(cell.model())) {
          double would = SimulatedModel.bytes(model, weights.format());
          bytes = (long) would;
          bits = 8 * would / model.tensors().stream().mapToLong(TensorInfo::elements).sum();
        }
      }
      return new PtqResult(
          cell.modelName(),
          cell.format().toString(),
          cell.method(),
          cell.cacheType(),
          settings,
          cell.isSimulated(),
          bytes,
          bits,
          divergence == null ? null : divergence.meanKld(),
          divergence == null ? null : divergence.sameTopP(),
          divergence == null ? null : divergence.ppl(),
          report.n(),
          report.accuracy(),
          report.accuracyByDomain(),
          quantized.seconds(),
          quantized.peakBytes(),
          null);
    } finally {
      Files.deleteIfExists(made);
    }
  }

  private List<String> quantize(PtqCell cell, Path target) throws IOException {
    List<String> arguments = new ArrayList<>();
    switch (cell.format()) {
      case Format.Simulated(var weights, _) ->
          arguments.addAll(
              List.of(
                  "simulate",
                  cell.model().toString(),
                  target.toString(),
                  weights.toString(),
                  "--force"));
      case Format.Real(var type) -> {
        arguments.addAll(
            List.of(
                "quantize",
                cell.model().toString(),
                target.toString(),
                type.name(),
                "--force",
                "--method",
                cell.method(),
                "-t",
                Integer.toString(threads.threads())));
        if (cell.needsText()) {
          arguments.addAll(List.of("-f", calibration.toString()));
          if (documents != null) {
            arguments.addAll(List.of("--calibration-documents", documents.toString()));
          }
        } else if (cell.takesImportance()) {
          arguments.addAll(List.of("--imatrix", importance(cell).toString()));
        }
      }
    }
    return arguments;
  }

  /// Collected once for a model.
  private Path importance(PtqCell cell) throws IOException {
    int lines = documents == null ? IMPORTANCE_DOCUMENTS : documents;
    Path file =
        folder.resolve(
            "%s-%s-%d.imatrix.gguf".formatted(cell.modelName(), digest(calibration), lines));
    if (!Files.exists(file)) {
      ChildRun.of(
              List.of(
                  "imatrix",
                  "-m",
                  cell.model().toString(),
                  "-f",
                  calibration.toString(),
                  "-o",
                  file.toString(),
                  "--limit",
                  Integer.toString(lines),
                  "-t",
                  Integer.toString(threads.threads())))
          .require();
    }
    return file;
  }

  private List<String> eval(PtqCell cell, Path file) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "eval",
                "--json",
                "-m",
                file.toString(),
                "-f",
                test.toString(),
                "--teacher",
                cell.model().toString(),
                "-ctk",
                cell.cacheType(),
                "-ctv",
                cell.cacheType(),
                "-t",
                Integer.toString(threads.threads())));
    if (limit != null) {
      arguments.addAll(List.of("--limit", limit.toString()));
    }
    if (cell.format() instanceof Format.Simulated(_, var activations) && activations != null) {
      arguments.addAll(List.of("--simulate-activations", activations.toString()));
    }
    return arguments;
  }

  private void write(PtqReport report) throws IOException {
    write(folder.resolve("table.md"), report.toMarkdown().getBytes(StandardCharsets.UTF_8));
    write(folder.resolve("table.json"), JSON.writeValueAsBytes(report.results()));
    write(folder.resolve("chart.svg"), report.toSvg().getBytes(StandardCharsets.UTF_8));
  }

  private static void write(Path file, byte[] content) throws IOException {
    AtomicFile.write(file, true, channel -> channel.write(ByteBuffer.wrap(content)));
  }

  /// Leaves a method's name as it is, if it is one.
  private static final class MethodName implements ITypeConverter<String> {
    @Override
    public String convert(String value) {
      new MethodConverter().convert(value);
      return value;
    }
  }

  private static final class FormatConverter implements ITypeConverter<Format> {
    @Override
    public Format convert(String value) {
      try {
        return Format.parse(value);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
