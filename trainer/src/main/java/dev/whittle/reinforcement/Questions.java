package dev.whittle.reinforcement;

import dev.whittle.data.DataException;
import dev.whittle.data.DataPosition;
import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Epochs;
import dev.whittle.data.Example;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// The questions to learn from, epoch after epoch, each in a new random order.
final class Questions {
  private final List<Question> questions;
  private final long seed;
  private DataPosition position = DataPosition.START;
  private List<Question> order;

  /// A question.
  ///
  /// @param prompt what the model is given
  /// @param answer the right one
  record Question(int[] prompt, String answer) {}

  private Questions(List<Question> questions, long seed) {
    this.questions = questions;
    this.seed = seed;
    this.order = shuffled(0);
  }

  /// Reads the questions of a data set: its examples that ask for a reply and have the answer.
  ///
  /// @param longest the most tokens of a question
  /// @param warning is told how many examples are none, if any are
  /// @throws DataException if there are no questions, or one is too long
  static Questions read(
      Dataset dataset,
      DocumentTokenizer tokenizer,
      int longest,
      long seed,
      Consumer<String> warning) {
    List<Question> questions = new ArrayList<>();
    long left = 0;
    try (Stream<Example> examples = dataset.examples()) {
      for (Example example : (Iterable<Example>) examples::iterator) {
        String answer = example.answer();
        if (answer == null || answer.isBlank() || !example.asksForReply()) {
          left++;
        } else {
          questions.add(question(dataset, example, answer, tokenizer, longest));
        }
      }
    }
    if (questions.isEmpty()) {
      throw new DataException(
          dataset.path()
              + " has no chat or prompt with a field 'answer' to reward replies by; add it");
    }
    if (left > 0) {
      warning.accept(
          "%,d of %,d examples of %s are left out, since they ask for no reply or have no 'answer' to reward it by"
              .formatted(left, left + questions.size(), dataset.path()));
    }
    return new Questions(questions, seed);
  }

  private static Question question(
      Dataset dataset, Example example, String answer, DocumentTokenizer tokenizer, int longest) {
    int[] prompt = tokenizer.prompt(dataset, example);
    if (prompt.length > longest) {
      throw new DataException(
          "%s has %d tokens, but a question may have %d: shorten it, or the replies (--predict)"
              .formatted(dataset.where(example), prompt.length, longest));
    }
    return new Question(prompt, answer);
  }

  private List<Question> shuffled(int epoch) {
    List<Question> shuffled = new ArrayList<>(questions);
    Collections.shuffle(shuffled, Epochs.order(seed, epoch));
    return shuffled;
  }

  /// How many there are.
  int size() {
    return questions.size();
  }

  /// The tokens of the longest one.
  int longest() {
    return questions.stream().mapToInt(question -> question.prompt().length).max().orElseThrow();
  }

  /// Where the next question is.
  DataPosition position() {
    return position;
  }

  /// Goes on elsewhere.
  void seek(DataPosition where) {
    position = where;
    order = shuffled(where.epoch());
  }

  /// The next questions.
  List<Question> next(int count) {
    List<Question> next = new ArrayList<>();
    while (next.size() < count) {
      if (position.row() == order.size()) {
        seek(new DataPosition(position.epoch() + 1, 0));
      }
      next.add(Objects.requireNonNull(order.get(position.row())));
      position = new DataPosition(position.epoch(), position.row() + 1);
    }
    return next;
  }
}
