package dev.whittle.cli;

import dev.whittle.chat.ChatMessage;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Example;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.ggml.Vocabulary;
import dev.whittle.inference.Continuation;
import dev.whittle.inference.TextGenerator;
import dev.whittle.inference.Thoughts;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/// `whittle run`: one reply of a model.
@Command(
    name = "run",
    description = {
      "Lets a model reply to a prompt, by llama.cpp. A model with a chat template is asked in its"
          + " form.",
      ""
    })
final class RunCommand implements Runnable {
  @ParentCommand private Whittle whittle;

  @Mixin private ModelOption model;

  @Option(
      names = {"-p", "--prompt"},
      required = true,
      paramLabel = "PROMPT",
      description = "What to say to the model.")
  private String prompt;

  @Mixin private SamplingOptions sampling;

  @Option(names = "--raw", description = "Continue the prompt as it is, without a chat template.")
  private boolean raw;

  @Mixin private InferenceOptions inference;

  @Mixin private ResultOption result;

  @Override
  public void run() {
    SamplerOptions draws = sampling.sampling();
    try (LlamaModel loaded = inference.load(model.path(), whittle.terminal())) {
      int[] tokens = tokens(loaded);
      int length = sampling.contextLength(loaded.trainedContext());
      if (tokens.length == 0) {
        throw new UnusableException("--prompt is empty; say something to the model");
      }
      if (tokens.length >= length) {
        throw new UnusableException(
            "--prompt has %,d tokens, which leaves no room for a reply in a context of %,d; shorten it, or raise --ctx-size"
                .formatted(tokens.length, length));
      }
      Terminal terminal = whittle.terminal();
      StringBuilder whole = new StringBuilder();
      Continuation reply;
      try (ReplyText shown = result.isJson() ? null : new ReplyText(terminal)) {
        Consumer<String> text = shown == null ? whole::append : shown;
        if (!raw) {
          Vocabulary vocabulary = loaded.vocabulary();
          text.accept(Thoughts.openedBy(vocabulary.detokenize(tokens, true), vocabulary));
        }
        reply =
            new TextGenerator(loaded, inference.threads(), inference.attention(), draws)
                .generate(tokens, sampling.maxTokens(), length, text);
      }
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("model", model.path().toString());
      object.put("reply", whole.toString());
      object.put("tokens", reply.tokens());
      object.put("tokens_per_second", reply.tokensPerSecond());
      object.put("prompt_tokens", reply.promptTokens());
      object.put("prompt_tokens_per_second", reply.promptTokensPerSecond());
      result.tell(
          terminal,
          "%d tokens, %.1f a second; prompt of %d tokens, %.1f a second"
              .formatted(
                  reply.tokens(),
                  reply.tokensPerSecond(),
                  reply.promptTokens(),
                  reply.promptTokensPerSecond()),
          object);
    }
  }

  private int[] tokens(LlamaModel loaded) {
    boolean chat = !raw && loaded.chatTemplate().isPresent();
    Example example =
        chat
            ? new Example.Chat(0, List.of(new ChatMessage(ChatMessage.USER, prompt)), null, null)
            : new Example.PromptCompletion(0, prompt, "", null, null);
    return new DocumentTokenizer(loaded).prompt(example);
  }
}
