package dev.whittle.cli;

import dev.whittle.cli.report.ReportPage;
import dev.whittle.cli.report.RunResults;
import dev.whittle.io.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// `whittle report`: what came of a run, or of several, to look at.
@Command(
    name = "report",
    description = {
      "Writes one HTML page, complete in itself, on a run: accuracy against every baseline, the"
          + " course of training, the error of each tensor, replies side by side, provenance. Several"
          + " runs are compared on one page.",
      ""
    })
final class ReportCommand implements Callable<Integer> {
  @ParentCommand private Whittle whittle;

  @Parameters(
      index = "0..*",
      arity = "1..*",
      paramLabel = "RUN",
      description = "Run directories, of 'whittle recipe' or 'whittle distill'.")
  private List<Path> runs;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      description = "The file to write; by default, report.html in the first run directory.")
  private @Nullable Path output;

  @Option(names = "--force", description = "Replace the file if it exists.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    List<RunResults> results = RunResults.read(runs);
    Path target = output == null ? runs.getFirst().resolve("report.html") : output;
    OutputFile.check(target, force);
    byte[] page = new ReportPage(results).toHtml().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(target, force, channel -> channel.write(ByteBuffer.wrap(page)));
    whittle.terminal().say("%s: %,d bytes".formatted(target, page.length));
    return ExitCode.OK;
  }
}
