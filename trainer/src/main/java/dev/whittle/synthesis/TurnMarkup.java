package dev.whittle.synthesis;

import dev.whittle.chat.ChatMessage;
import dev.whittle.chat.ChatTemplate;
import dev.whittle.chat.ChatTemplate.Surroundings;
import dev.whittle.chat.ChatTemplateException;
import dev.whittle.evaluation.Generation;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Vocabulary;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/// What a chat template writes around the first turn of a user: given the beginning alone, a model
/// that has learned from chats goes on with a question of its own.
final class TurnMarkup {
  private static final char NOT_UTF8 = '\uFFFD';

  private final Vocabulary vocabulary;
  private final String openingText;
  private final int[] opening;
  private final int[] closing;

  /// Control tokens of the template: none may be within a turn.
  private final Set<Integer> markers = new HashSet<>();

  private TurnMarkup(Vocabulary vocabulary, String openingText, int[] closing) {
    this.vocabulary = vocabulary;
    this.openingText = openingText;
    this.opening = opening("");
    this.closing = closing;
    IntStream.concat(Arrays.stream(opening), Arrays.stream(closing))
        .filter(vocabulary::isControl)
        .forEach(markers::add);
  }

  /// The markup of a model's chat template.
  ///
  /// @throws ChatTemplateException if the model has none that can be used for this
  static TurnMarkup of(LlamaModel model) {
    List<ChatMessage> question = List.of(new ChatMessage(ChatMessage.USER, ""));
    Surroundings turn =
        ChatTemplate.of(model)
            .around(question, 0, true)
            .filter(around -> !around.before().isEmpty())
            .orElseThrow(() ->
                new ChatTemplateException(
                    "the chat template of the model "
                        + model.path()
                        + " has nothing before the user's words to begin with; give prompts"));
    Vocabulary vocabulary = model.vocabulary();
    return new TurnMarkup(
        vocabulary, turn.before(), vocabulary.tokenize(turn.after(), false, true));
  }

  /// No markup, for text that goes through no template.
  static TurnMarkup none(LlamaModel model) {
    return new TurnMarkup(model.vocabulary(), "", new int[0]);
  }

  /// The tokens before the user's words, and those of the first of these.
  int[] opening(String words) {
    return vocabulary.tokenize(openingText + words, true, true);
  }

  /// A user's turn, which the template's next marker may end as well.
  Written<String> question(Generation written) {
    int[] tokens = written.tokens();
    if (closing.length > 0 && markers.contains(closing[0])) {
      for (int i = 0; i < tokens.length; i++) {
        if (tokens[i] == closing[0]) {
          return turn(tokens, i);
        }
      }
    }
    return reply(written);
  }

  /// A turn that ends with the text.
  Written<String> reply(Generation written) {
    int[] tokens = written.tokens();
    return written.truncated()
        ? new Written.Unusable<>(Rejection.UNFINISHED)
        : turn(tokens, tokens.length - 1);
  }

  private Written<String> turn(int[] tokens, int length) {
    int[] words = Arrays.copyOf(tokens, length);
    if (Arrays.stream(words).anyMatch(markers::contains)) {
      return new Written.Unusable<>(Rejection.MALFORMED);
    }
    // Control tokens that are none of the template's, such as one that begins a thought, belong to
    // what is said.
    String text = vocabulary.detokenize(words, true);
    return text.isBlank() || text.indexOf(NOT_UTF8) >= 0 || text.indexOf('\0') >= 0
        ? new Written.Unusable<>(Rejection.MALFORMED)
        : new Written.Usable<>(text);
  }
}
