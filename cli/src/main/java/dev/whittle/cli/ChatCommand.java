package dev.whittle.cli;

import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.inference.Continuation;
import dev.whittle.inference.Conversation;
import dev.whittle.inference.Conversation.ContextFullException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/// `whittle chat`: a conversation with a model.
@Command(
    name = "chat",
    description = {
      "Talks with a model, by llama.cpp and in the form of its own chat template. Ctrl-C stops a"
          + " reply, Ctrl-D ends the chat, /clear begins a new one. Reads lines where standard input"
          + " is not a terminal.",
      ""
    })
final class ChatCommand implements Runnable {
  private static final String CLEAR = "/clear";
  private static final String EXIT = "/exit";

  @ParentCommand private Whittle whittle;

  @Mixin private ModelOption model;

  @Option(
      names = {"-sys", "--system-prompt"},
      paramLabel = "PROMPT",
      description = "What to tell the model before all else.")
  private @Nullable String system;

  @Mixin private SamplingOptions sampling;
  @Mixin private InferenceOptions inference;

  @Override
  public void run() {
    SamplerOptions draws = sampling.sampling();
    try (LlamaModel loaded = inference.load(model.path(), whittle.terminal())) {
      if (loaded.chatTemplate().isEmpty()) {
        throw new UnusableException(
            model.path() + " has no chat template; continue a text with 'whittle run --raw'");
      }
      boolean person = whittle.terminal().isConversational();
      try (Conversation conversation =
              new Conversation(
                  loaded,
                  sampling.contextLength(loaded.trainedContext()),
                  inference.threads(),
                  inference.attention(),
                  draws,
                  system);
          ChatInput input =
              person
                  ? new EditedChatInput(whittle.terminal().styled("@|bold > |@"))
                  : new PipedChatInput()) {
        talk(conversation, input, person);
      }
    }
  }

  private void talk(Conversation conversation, ChatInput input, boolean person) {
    for (String line = input.next(); line != null; line = input.next()) {
      switch (line.strip()) {
        case "" -> {}
        case EXIT -> {
          return;
        }
        case CLEAR -> conversation.clear();
        default -> {
          try {
            reply(conversation, input, line, person);
          } catch (ContextFullException e) {
            String sentence =
                e.getMessage() + "; begin anew with " + CLEAR + ", or raise --ctx-size";
            if (!person) {
              throw new UnusableException(sentence, e);
            }
            whittle.terminal().say(sentence);
          }
        }
      }
    }
  }

  private void reply(Conversation conversation, ChatInput input, String line, boolean person) {
    input.stoppable(stopped -> {
      Continuation reply;
      try (ReplyText text = new ReplyText(whittle.terminal())) {
        reply = conversation.say(line, sampling.maxTokens(), text, stopped);
      }
      if (person) {
        whittle
            .terminal()
            .say(
                whittle
                    .terminal()
                    .styled(
                        "@|faint %d tokens, %.1f a second%s|@\n"
                            .formatted(
                                reply.tokens(),
                                reply.tokensPerSecond(),
                                stopped.getAsBoolean() ? ", stopped" : "")));
      }
    });
  }
}
