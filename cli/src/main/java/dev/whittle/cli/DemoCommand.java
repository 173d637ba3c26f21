package dev.whittle.cli;

import dev.whittle.cli.Table.Column;
import dev.whittle.data.Dataset;
import dev.whittle.data.Example;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.evaluation.TaskReport;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/// `whittle demo`: the whole job on the bundled model. It runs Whittle's own commands and shows
/// them, so that it can be followed with another model.
@Command(
    name = "demo",
    description = {
      "Does the whole job on the small model that comes with Whittle: imports it, rounds it to about"
          + " two bits a weight, trains the rounded weights, and compares.",
      ""
    })
final class DemoCommand implements Callable<Integer> {
  /// Three values a weight: rounding alone leaves nothing of the model.
  private static final String TYPE = "TQ2_0";

  @ParentCommand private Whittle whittle;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "DIR",
      description = "The folder for the files; by default, demo/out in Whittle's own folder.")
  private @Nullable Path output;

  @Option(
      names = "--steps",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Train for so many steps; ${DEFAULT-VALUE} by default.")
  private int steps = 150;

  @Option(
      names = "--limit",
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Compare on N questions; by default, on all.")
  private int limit;

  @Override
  public Integer call() throws IOException {
    long start = System.nanoTime();
    Path home = Bundle.folder();
    Path folder = output == null ? home.resolve("out") : output;
    Files.createDirectories(folder);
    Path original = folder.resolve("reasoner-5m.gguf");
    Path rounded = folder.resolve("reasoner-5m-rounded.gguf");
    Path trained = folder.resolve("reasoner-5m-trained.gguf");
    Path run = folder.resolve("run");
    Path data = home.resolve("train.jsonl");
    Path questions = home.resolve("test.jsonl");

    List<List<Object>> commands =
        List.of(
            List.of("import", home.resolve("reasoner-5m"), "-o", original, "--force"),
            List.of("quantize", original, rounded, TYPE, "--force"),
            List.of(
                "distill",
                "-m",
                original,
                "-f",
                data,
                "-o",
                trained,
                "--type",
                TYPE,
                "--steps",
                steps,
                "--run-dir",
                run,
                "--force"),
            List.of("verify", trained, "--run-dir", run));
    for (List<Object> command : commands) {
      int code = execute(command);
      if (code != ExitCode.OK) {
        return code;
      }
    }
    Table table = compare(List.of(original, rounded, trained), questions);
    whittle.terminal().print("\n" + table + "\n");
    int code = execute(List.of("run", "-m", trained, "-p", firstQuestion(questions)));
    whittle
        .terminal()
        .say("\nThe demo took %s.".formatted(Progress.duration(System.nanoTime() - start)));
    return code;
  }

  /// Runs a command line of Whittle, and shows it.
  private int execute(List<Object> command) {
    show(command);
    return Whittle.run(
        whittle.terminal(), command.stream().map(Object::toString).toArray(String[]::new));
  }

  private void show(List<Object> command) {
    String line = command.stream().map(DemoCommand::quoted).collect(Collectors.joining(" "));
    whittle.terminal().say("\n" + whittle.terminal().styled("@|bold $ whittle|@ ") + line);
  }

  private static String quoted(Object argument) {
    String word = argument.toString();
    return word.contains(" ") ? "'" + word + "'" : word;
  }

  private Table compare(List<Path> models, Path questions) {
    List<Column> columns =
        new ArrayList<>(
            List.of(
                Column.left("model"),
                Column.right("bits a weight"),
                Column.right("bytes"),
                Column.right("accuracy")));
    List<List<String>> rows = new ArrayList<>();
    Set<String> domains = new LinkedHashSet<>();
    for (Path model : models) {
      show(List.of("eval", "-m", model, "-f", questions));
      TaskReport report = grade(model, questions);
      domains.addAll(report.accuracyByDomain().keySet());
      rows.add(row(model, report));
    }
    domains.forEach(domain -> columns.add(Column.right(domain)));
    Table table = new Table(columns.toArray(Column[]::new));
    rows.forEach(row -> table.row(row.toArray(String[]::new)));
    return table;
  }

  private static List<String> row(Path model, TaskReport report) {
    List<String> cells = new ArrayList<>();
    try (GgufFile file = GgufFile.open(model)) {
      ModelOverview overview = ModelOverview.of(file, false);
      cells.add(model.getFileName().toString());
      cells.add("%.2f".formatted(overview.bitsPerWeight()));
      cells.add("%,d".formatted(overview.fileBytes()));
    }
    cells.add("%.3f".formatted(report.accuracy()));
    report.accuracyByDomain().values().forEach(value -> cells.add("%.3f".formatted(value)));
    return cells;
  }

  private TaskReport grade(Path file, Path questions) {
    try (LlamaModel model = ModelOption.load(file)) {
      return new Grading(
              whittle.terminal(), GenerationOptions.greedy(Grading.DEFAULT_TOKENS), limit)
          .grade(model, new Dataset(questions));
    }
  }

  private static String firstQuestion(Path questions) {
    try (Stream<Example> examples = new Dataset(questions).examples()) {
      return examples
          .filter(Example.Chat.class::isInstance)
          .map(example -> ((Example.Chat) example).question().getLast().content())
          .findFirst()
          .orElseThrow();
    }
  }
}
