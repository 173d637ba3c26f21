package dev.whittle.cli;

import dev.whittle.gguf.GgufFile;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// `whittle inspect`: what a GGUF file holds.
@Command(
    name = "inspect",
    description = {
      "Shows what a GGUF file holds: architecture, types, bits a weight, and where it comes from.",
      ""
    })
final class InspectCommand implements Runnable {
  @ParentCommand private Whittle whittle;

  @Parameters(index = "0", paramLabel = "MODEL", description = "A GGUF file.")
  private Path model;

  @Option(names = "--tensors", description = "List every tensor too.")
  private boolean tensors;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public void run() {
    try (GgufFile file = GgufFile.open(model)) {
      ModelOverview overview = ModelOverview.of(file, tensors);
      if (json) {
        whittle.terminal().printJson(overview);
      } else {
        whittle.terminal().print(overview.toText());
      }
    }
  }
}
