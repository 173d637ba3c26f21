package dev.whittle.cli;

import dev.whittle.cli.recipe.Lineage;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.gguf.GgufFile;
import dev.whittle.training.ExportedModelFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/// `whittle export`: the file to ship.
@Command(
    name = "export",
    description = {
      "Writes a trained file as it is shipped: the same tensors, byte for byte, with more on where"
          + " they come from. Checks them, and that llama.cpp loads the file.",
      ""
    })
final class ExportCommand implements Callable<Integer>, OptionRules {
  /// How much a file tells of where it comes from.
  enum ProvenanceLength {
    /// As much as fits into the bytes that the trained file has anyway.
    LINE,
    /// The settings of every stage and the digests of what went in.
    RECIPE
  }

  @ParentCommand private Whittle whittle;

  @Mixin private ModelOption model;
  @Mixin private OutputFile output;

  @Option(
      names = "--record",
      paramLabel = "FILE",
      description = "The record of the stage that wrote the model, in its run directory.")
  private @Nullable Path record;

  @Option(
      names = "--provenance",
      paramLabel = "HOW",
      description =
          "How much of the record goes into the file: line (as much as fits without making it"
              + " larger) or recipe (all); ${DEFAULT-VALUE} by default.")
  private ProvenanceLength provenance = ProvenanceLength.LINE;

  @Mixin private ResultOption result;

  @Override
  public List<OptionRule> rules() {
    return List.of(
        OptionRule.with(record != null, "the record of a stage (--record)", "--provenance"));
  }

  @Override
  public Integer call() throws IOException {
    Path target = output.require(model.path(), record);
    Lineage lineage = record == null ? null : Lineage.of(record);
    String origin;
    try (GgufFile trained = GgufFile.open(model.path())) {
      origin =
          ExportedModelFile.write(
              trained,
              target,
              output.mayReplace(),
              lineage == null ? List.of() : lineage.lines(ExportedModelFile.origin(trained)),
              lineage != null && provenance == ProvenanceLength.RECIPE ? lineage.toYaml() : null);
    }
    try (LlamaModel _ = ModelOption.load(target)) {
      Map<String, Object> object = ResultOption.written(target);
      object.put("provenance", origin);
      result.tell(
          whittle.terminal(),
          "%s: %,d bytes, %s".formatted(target, Files.size(target), origin),
          object);
    }
    return ExitCode.OK;
  }
}
