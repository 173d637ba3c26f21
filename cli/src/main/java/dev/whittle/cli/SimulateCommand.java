package dev.whittle.cli;

import dev.whittle.gguf.GgufFile;
import dev.whittle.simulation.SimulatedModel;
import dev.whittle.simulation.Simulation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.TypeConversionException;

/// `whittle simulate`: weights in a format that GGUF does not have.
@Command(
    name = "simulate",
    description = {
      "Rounds the matrices of a model's layers to a format that GGUF does not have, and writes them"
          + " as F32: for comparison with papers, not for deployment.",
      ""
    })
final class SimulateCommand implements Callable<Integer> {
  @ParentCommand private Whittle whittle;

  @Parameters(index = "0", paramLabel = "IN", description = "The model, a GGUF file.")
  private Path source;

  @Parameters(index = "1", paramLabel = "OUT", description = "The GGUF file to write.")
  private Path target;

  @Parameters(
      index = "2",
      paramLabel = "FORMAT",
      converter = SimulationConverter.class,
      description =
          "int2-g128, int3-g128, int4-g128, mxfp4, mxfp6 or mxfp8; one of the last three also with a"
              + " pre-scale of the values, mxfp4@0.75, or with one that is searched for in each tensor,"
              + " mxfp4@search.")
  private Simulation simulation;

  @Option(names = "--force", description = "Replace the file if it exists.")
  private boolean force;

  @Mixin private ResultOption result;

  @Override
  public Integer call() throws IOException {
    OutputFile.check(target, force, source);
    try (GgufFile model = GgufFile.open(source)) {
      SimulatedModel.write(model, simulation, target, force);
      double bytes = SimulatedModel.bytes(model, simulation.format());
      Map<String, Object> object = ResultOption.written(target);
      object.put("format", simulation.toString());
      object.put("tensor_bytes", bytes);
      result.tell(
          whittle.terminal(),
          "%s: simulated %s; its tensors would take %,.0f bytes"
              .formatted(target, simulation, bytes),
          object);
    }
    return ExitCode.OK;
  }

  /// Reads a format with its pre-scale.
  static final class SimulationConverter implements ITypeConverter<Simulation> {
    @Override
    public Simulation convert(String value) {
      try {
        return Simulation.parse(value);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
