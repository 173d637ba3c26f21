package dev.whittle.cli;

import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Example;
import dev.whittle.ggml.ChatMessage;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.inference.Continuation;
import dev.whittle.inference.TextGenerator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// `whittle run`: one reply of a model.
@Command(
    name = "run",
    description = {
      "Lets a model reply to a prompt, by llama.cpp. A model with a chat template is asked in its"
          + " form.",
      ""
    })
final class RunCommand implements Runnable {
  private static final int DEFAULT_CONTEXT = 4096;

  @ParentCommand private Whittle whittle;
  @Spec private CommandSpec spec;

  @Mixin private ModelOption model;

  @Option(
      names = {"-p", "--prompt"},
      required = true,
      paramLabel = "PROMPT",
      description = "What to say to the model.")
  private String prompt;

  @Option(
      names = {"-n", "--predict"},
      paramLabel = "N",
      converter = PositiveInt.class,
      description = "Stop after so many tokens; by default, when the model ends its reply.")
  private int maxTokens = Integer.MAX_VALUE;

  @Option(
      names = "--temp",
      paramLabel = "X",
      description = "Draw tokens at this temperature; by default (0), take the likeliest.")
  private double temperature;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "SEED",
      description = "Seed of the random numbers; ${DEFAULT-VALUE} by default.")
  private long seed = 1;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "CTX",
      converter = PositiveInt.class,
      description =
          "Tokens of prompt and reply together; by default, at most "
              + DEFAULT_CONTEXT
              + ", or what the model was trained for if that is less.")
  private @Nullable Integer contextLength;

  @Option(names = "--raw", description = "Continue the prompt as it is, without a chat template.")
  private boolean raw;

  @Mixin private InferenceOptions inference;

  @Override
  public void run() {
    SamplerOptions sampling = sampling();
    try (LlamaModel loaded = inference.load(model.path(), whittle.terminal())) {
      int[] tokens = tokens(loaded);
      int length =
          contextLength != null
              ? contextLength
              : Math.min(DEFAULT_CONTEXT, loaded.trainedContext());
      if (tokens.length == 0) {
        throw new UnusableException("--prompt is empty; say something to the model");
      }
      if (tokens.length >= length) {
        throw new UnusableException(
            "--prompt has %,d tokens, which leaves no room for a reply in a context of %,d; shorten it, or raise --ctx-size"
                .formatted(tokens.length, length));
      }
      Terminal terminal = whittle.terminal();
      Continuation reply =
          new TextGenerator(loaded, inference.threads(), inference.attention(), sampling)
              .generate(tokens, maxTokens, length, terminal::print);
      terminal.println("");
      terminal.say(
          "%d tokens, %.1f a second; prompt of %d tokens, %.1f a second"
              .formatted(
                  reply.tokens(),
                  reply.tokensPerSecond(),
                  reply.promptTokens(),
                  reply.promptTokensPerSecond()));
    }
  }

  private @Nullable SamplerOptions sampling() {
    if (temperature == 0) {
      return null;
    }
    try {
      return SamplerOptions.ofTemperature(temperature, seed);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private int[] tokens(LlamaModel loaded) {
    boolean chat = !raw && loaded.chatTemplate().isPresent();
    Example example =
        chat
            ? new Example.Chat(1, List.of(new ChatMessage(ChatMessage.USER, prompt)), null, null)
            : new Example.PromptCompletion(1, prompt, "", null, null);
    return new DocumentTokenizer(loaded).prompt(example);
  }
}
