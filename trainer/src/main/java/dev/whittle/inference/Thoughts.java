package dev.whittle.inference;

import dev.whittle.chat.Thinking;
import dev.whittle.ggml.Vocabulary;
import java.util.function.BiConsumer;

/// What a reasoning model writes between `<think>` and `</think>` before it replies.
///
/// An instance tells thoughts from the reply in text that comes piece by piece, wherever the pieces
/// end.
public final class Thoughts {
  private final BiConsumer<String, Boolean> text;
  private String pending = "";
  private boolean thinking;

  /// @param text is given the text, and whether it is thought; the marks belong to the thoughts
  public Thoughts(BiConsumer<String, Boolean> text) {
    this.text = text;
  }

  /// What a prompt has of the reply already: the mark that opens a thought, if the template writes
  /// that for the model. Nothing where it is a control token, which replies are shown without.
  public static String openedBy(String prompt, Vocabulary vocabulary) {
    String opened = Thinking.opened(prompt);
    int[] tokens = vocabulary.tokenize(opened, false, true);
    return vocabulary.detokenize(tokens, false).contains(Thinking.OPENING) ? opened : "";
  }

  /// Takes the next piece.
  public void append(String piece) {
    pending += piece;
    while (true) {
      String mark = thinking ? Thinking.CLOSING : Thinking.OPENING;
      int at = pending.indexOf(mark);
      if (at < 0) {
        int settled = pending.length() - beginningOf(mark);
        emit(settled);
        return;
      }
      emit(thinking ? at + mark.length() : at);
      thinking = !thinking;
    }
  }

  /// Gives out what was held back, since it might have become a mark.
  public void finish() {
    emit(pending.length());
    thinking = false;
  }

  private void emit(int length) {
    if (length > 0) {
      text.accept(pending.substring(0, length), thinking);
      pending = pending.substring(length);
    }
  }

  /// How many of the pending letters at the end may be the beginning of the mark.
  private int beginningOf(String mark) {
    for (int length = Math.min(mark.length() - 1, pending.length()); length > 0; length--) {
      if (pending.endsWith(mark.substring(0, length))) {
        return length;
      }
    }
    return 0;
  }
}
