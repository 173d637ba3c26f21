package dev.whittle.synthesis;

import dev.whittle.chat.ChatMessage;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Example;
import dev.whittle.evaluation.BoxedAnswerGrader;
import dev.whittle.evaluation.Generation;
import dev.whittle.ggml.LlamaModel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Whole conversations: given the first tokens of its chat template, the model writes what a user
/// says, and then replies to it. Where the reply has one box, what is in it is the example's
/// answer, as good as the model is.
final class Conversations implements ExampleSource {
  private final TurnMarkup markup;
  private final DocumentTokenizer tokenizer;
  private final List<String> beginnings;
  private final SeededGenerator turns;
  private final SeededGenerator replies;
  private final Predicate<String> excluded;

  /// @param beginnings what the user's turns begin with, each in its turn; empty for nothing
  /// @param excluded questions that are not to be replied to
  Conversations(
      LlamaModel model,
      List<String> beginnings,
      SeededGenerator turns,
      SeededGenerator replies,
      Predicate<String> excluded) {
    markup = TurnMarkup.of(model);
    tokenizer = new DocumentTokenizer(model);
    this.beginnings = beginnings.isEmpty() ? List.of("") : beginnings;
    this.turns = turns;
    this.replies = replies;
    this.excluded = excluded;
  }

  @Override
  public long size() {
    return Long.MAX_VALUE;
  }

  @Override
  public List<Written<Example>> write(long from, int count) {
    List<int[]> openings =
        IntStream.range(0, count).mapToObj(i -> markup.opening(beginning(from + i))).toList();
    List<Generation> written = turns.generate(openings, from);
    List<Written<Example.Chat>> questions =
        IntStream.range(0, count)
            .mapToObj(i -> {
              String beginning = beginning(from + i);
              return markup.question(written.get(i)).then(text -> question(beginning + text));
            })
            .toList();
    List<int[]> prompts = new ArrayList<>();
    for (Written<Example.Chat> question : questions) {
      if (question instanceof Written.Usable(Example.Chat chat)) {
        prompts.add(tokenizer.prompt(chat));
      }
    }
    var next = replies.generate(prompts, from).iterator();
    return questions.stream()
        .map(question -> question.then(chat -> replied(chat, next.next())))
        .toList();
  }

  private String beginning(long number) {
    return beginnings.get((int) (number % beginnings.size()));
  }

  private Written<Example.Chat> question(String text) {
    if (excluded.test(text)) {
      return new Written.Unusable<>(Rejection.EXCLUDED);
    }
    List<ChatMessage> messages = List.of(new ChatMessage(ChatMessage.USER, text));
    return new Written.Usable<>(new Example.Chat(0, messages, null, null));
  }

  private Written<Example> replied(Example.Chat question, Generation written) {
    return markup
        .reply(written)
        .then(reply -> {
          List<ChatMessage> messages = new ArrayList<>(question.messages());
          messages.add(new ChatMessage(ChatMessage.ASSISTANT, reply));
          return new Written.Usable<>(new Example.Chat(0, messages, answer(reply), null));
        });
  }

  private static @Nullable String answer(String reply) {
    List<String> boxes = BoxedAnswerGrader.boxes(reply);
    return boxes.size() == 1 ? boxes.getFirst() : null;
  }
}
