package dev.whittle.cli;

import dev.whittle.ggml.GgmlType;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// `whittle import`: from a Hugging Face checkpoint to GGUF.
@Command(
    name = "import",
    description = {
      "Converts a Hugging Face checkpoint (safetensors, tokenizer.json, chat template) to GGUF.",
      ""
    })
final class ImportCommand implements Callable<Integer> {
  /// The types that a full-precision file may have.
  enum OutputType {
    F32(GgmlType.F32),
    F16(GgmlType.F16),
    BF16(GgmlType.BF16);

    private final GgmlType type;

    OutputType(GgmlType type) {
      this.type = type;
    }
  }

  @ParentCommand private Whittle whittle;

  @Parameters(
      index = "0",
      paramLabel = "HF_DIR",
      description = "The checkpoint's folder: Qwen3, Qwen2 or Llama, with byte-level BPE.")
  private Path folder;

  @Mixin private OutputFile output;

  @Option(
      names = "--outtype",
      paramLabel = "TYPE",
      description =
          "The type of the matrices: f32, f16 or bf16. By default, the checkpoint's own, which loses"
              + " nothing.")
  private @Nullable OutputType outputType;

  @Mixin private ResultOption result;

  @Override
  public Integer call() throws IOException {
    Path target = output.require(checkpointFiles());
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder)) {
      GgmlType type = outputType == null ? checkpoint.storedType() : outputType.type;
      try (Progress progress = new Progress(whittle.terminal(), "import", "bytes")) {
        checkpoint.writeGguf(
            target,
            type,
            output.mayReplace(),
            (tensor, done, total) -> progress.update(done, total, tensor));
      }
      Map<String, Object> object = ResultOption.written(target);
      object.put("architecture", checkpoint.architecture());
      object.put("parameters", checkpoint.parameters());
      object.put("type", type.name());
      result.tell(
          whittle.terminal(),
          "%s: %s, %,d parameters in %s, %,d bytes"
              .formatted(
                  target,
                  checkpoint.architecture(),
                  checkpoint.parameters(),
                  type,
                  Files.size(target)),
          object);
    }
    return ExitCode.OK;
  }

  /// What the folder holds, except for earlier results of this command.
  private Path[] checkpointFiles() throws IOException {
    if (!Files.isDirectory(folder)) {
      return new Path[0];
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> !file.toString().endsWith(".gguf")).toArray(Path[]::new);
    }
  }
}
