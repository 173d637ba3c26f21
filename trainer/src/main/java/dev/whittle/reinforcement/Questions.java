package dev.whittle.reinforcement;

import dev.whittle.data.DataException;
import dev.whittle.data.DataPosition;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Epochs;
import dev.whittle.data.Example;
import dev.whittle.data.JsonlDataset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
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

  /// Reads the questions of a data set.
  ///
  /// @param longest the most tokens of a question
  /// @throws DataException if there are none, or one has no answer or is too long
  static Questions read(JsonlDataset dataset, DocumentTokenizer tokenizer, int longest, long seed) {
    List<Question> questions = new ArrayList<>();
    try (Stream<Example> examples = dataset.examples()) {
      examples.forEach(example -> questions.add(question(dataset, example, tokenizer, longest)));
    }
    return new Questions(questions, seed);
  }

  private static Question question(
      JsonlDataset dataset, Example example, DocumentTokenizer tokenizer, int longest) {
    String where = dataset.path() + " line " + example.line();
    String answer = example.answer();
    if (answer == null) {
      throw new DataException(where + " has no field 'answer' to reward a reply by; add it");
    }
    if (example instanceof Example.Text) {
      throw new DataException(where + " is a text, which asks for no reply; write 'messages'");
    }
    int[] prompt = tokenizer.prompt(example);
    if (prompt.length > longest) {
      throw new DataException(
          "%s has %d tokens, but a question may have %d: shorten it, or the replies (--predict)"
              .formatted(where, prompt.length, longest));
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
