package dev.whittle.synthesis;

import dev.whittle.chat.ChatMessage;
import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Example;
import dev.whittle.evaluation.Generation;
import dev.whittle.ggml.LlamaModel;
import java.util.ArrayList;
import java.util.List;

/// Replies to given prompts, several to each.
final class PromptReplies implements ExampleSource {
  private final Dataset dataset;
  private final List<Example> prompts;
  private final int repliesPerPrompt;
  private final DocumentTokenizer tokenizer;
  private final TurnMarkup markup;
  private final SeededGenerator generator;

  /// @param dataset where the prompts are from
  PromptReplies(
      LlamaModel model,
      Dataset dataset,
      List<Example> prompts,
      int repliesPerPrompt,
      SeededGenerator generator) {
    this.dataset = dataset;
    this.prompts = prompts;
    this.repliesPerPrompt = repliesPerPrompt;
    this.generator = generator;
    tokenizer = new DocumentTokenizer(model);
    markup =
        prompts.stream().anyMatch(Example.Chat.class::isInstance)
            ? TurnMarkup.of(model)
            : TurnMarkup.none(model);
  }

  @Override
  public long size() {
    return (long) prompts.size() * repliesPerPrompt;
  }

  @Override
  public List<Written<Example>> write(long from, int count) {
    List<Example> asked = new ArrayList<>();
    for (long number = from; number < from + count; number++) {
      asked.add(prompts.get((int) (number / repliesPerPrompt)));
    }
    List<Generation> replies =
        generator.generate(
            asked.stream().map(prompt -> tokenizer.prompt(dataset, prompt)).toList(), from);
    List<Written<Example>> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Example prompt = asked.get(i);
      examples.add(
          markup
              .reply(replies.get(i))
              .then(reply -> new Written.Usable<>(answered(prompt, reply))));
    }
    return examples;
  }

  private static Example answered(Example prompt, String reply) {
    return switch (prompt) {
      case Example.Chat chat -> {
        List<ChatMessage> messages = new ArrayList<>(chat.question());
        messages.add(new ChatMessage(ChatMessage.ASSISTANT, reply));
        yield new Example.Chat(chat.line(), messages, chat.answer(), chat.domain());
      }
      case Example.PromptCompletion pair ->
          new Example.PromptCompletion(
              pair.line(), pair.prompt(), reply, pair.answer(), pair.domain());
      case Example.Text text ->
          throw new IllegalArgumentException("line " + text.line() + " asks for no reply");
    };
  }
}
