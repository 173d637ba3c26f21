package dev.whittle.cli;

import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.inference.TextGenerator;
import dev.whittle.training.RunDirectory;
import dev.whittle.training.TrainedModelFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// `whittle verify`: whether a file holds what was trained.
@Command(
    name = "verify",
    description = {
      "Proves that a trained file is intact, that it holds the blocks of its run byte for byte, and"
          + " that llama.cpp runs it. Exits with 1 if it is not so.",
      ""
    })
final class VerifyCommand implements Callable<Integer> {
  @ParentCommand private Whittle whittle;

  @Parameters(
      index = "0",
      paramLabel = "OUT",
      description = "A GGUF file of 'whittle distill', 'grpo' or 'export'.")
  private Path model;

  @Option(
      names = "--run-dir",
      paramLabel = "DIR",
      description = "Compare with the last checkpoint, or the best step, of this run.")
  private @Nullable Path runDirectory;

  @Mixin private ResultOption result;

  private final Map<String, Object> found = new LinkedHashMap<>();

  @Override
  public Integer call() throws IOException {
    found.put("model", model.toString());
    Path trained = runDirectory == null ? null : shipped(runDirectory);
    try (GgufFile file = GgufFile.open(model)) {
      checkBlocks(file, trained);
    }
    checkRuns();
    if (result.isJson()) {
      whittle.terminal().printJson(found);
    }
    return ExitCode.OK;
  }

  private void checkBlocks(GgufFile file, @Nullable Path trained) {
    try {
      TrainedModelFile.requireIntact(file);
      found.put("tensors_intact", file.tensors().size());
      confirm("all %,d tensors match their checksums".formatted(file.tensors().size()));
      if (trained != null) {
        try (GgufFile blocks = GgufFile.open(trained)) {
          int compared = TrainedModelFile.requireSameBlocks(file, blocks);
          found.put("tensors_as_trained", compared);
          confirm("%,d tensors are the blocks in %s".formatted(compared, trained));
        }
      }
    } catch (GgufException e) {
      // What was asked has been found out, so this is no wrong usage.
      throw new FruitlessException(e.getMessage(), e);
    }
  }

  private static Path shipped(Path runDirectory) throws IOException {
    return RunDirectory.open(runDirectory)
        .shipped()
        .orElseThrow(() ->
            new UnusableException(
                runDirectory + " holds no checkpoint; name the directory of a run that trained"));
  }

  private void checkRuns() {
    try (LlamaModel loaded = ModelOption.load(model)) {
      int[] prompt = loaded.vocabulary().tokenize("1 + 1", true, false);
      new TextGenerator(loaded, 1, AttentionOptions.defaults(), null)
          .generate(prompt, 1, prompt.length + 1, text -> {});
    }
    found.put("runs", true);
    confirm("llama.cpp loads and runs it");
  }

  private void confirm(String fact) {
    if (!result.isJson()) {
      whittle.terminal().println(whittle.terminal().styled("@|green ok|@  ") + fact);
    }
  }
}
