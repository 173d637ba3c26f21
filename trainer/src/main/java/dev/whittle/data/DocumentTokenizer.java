package dev.whittle.data;

import dev.whittle.chat.ChatTemplate;
import dev.whittle.chat.ChatTemplateException;
import dev.whittle.chat.ChatText;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Vocabulary;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Tokenizes examples as llama.cpp's server does when the model is deployed: a chat goes through
/// the model's template and is tokenized as a whole, so that markup in it, a user's included,
/// stands for control tokens; a prompt likewise. A text is taken literally.
public final class DocumentTokenizer {
  private final LlamaModel model;
  private final Vocabulary vocabulary;

  /// Made when the first chat comes: a model without a template can still be given text.
  private @Nullable ChatTemplate template;

  /// @param model stays open as long as this is used; its vocabulary is enough
  public DocumentTokenizer(LlamaModel model) {
    this.model = model;
    this.vocabulary = model.vocabulary();
  }

  /// The example as a document to learn from.
  ///
  /// @throws ChatTemplateException if it is a chat that the model's template does not take
  public TokenizedDocument tokenize(Example example) {
    return switch (example) {
      case Example.Chat chat -> chat(chat);
      case Example.PromptCompletion pair -> completed(pair.prompt(), pair.completion());
      case Example.Text text -> {
        int[] tokens = vocabulary.tokenize(text.text(), true, false);
        BitSet all = new BitSet();
        all.set(0, tokens.length);
        yield new TokenizedDocument(tokens, all);
      }
    };
  }

  /// What the model is given when it is asked for the reply of this example.
  ///
  /// @throws IllegalArgumentException if the example is a text, which asks for nothing
  public int[] prompt(Example example) {
    return switch (example) {
      case Example.Chat chat -> markup(template().apply(chat.question(), true));
      case Example.PromptCompletion pair -> markup(pair.prompt());
      case Example.Text text ->
          throw new IllegalArgumentException(
              "line " + text.line() + " is a text, which asks for no reply");
    };
  }

  /// The example of a data set as a document to learn from.
  ///
  /// @throws ChatTemplateException if it is a chat that the model's template does not take; names
  ///   the file and the line or row
  public TokenizedDocument tokenize(Dataset dataset, Example example) {
    return named(dataset, example, () -> tokenize(example));
  }

  /// What the model is given when it is asked for the reply of this example of a data set.
  ///
  /// @throws ChatTemplateException if it is a chat that the model's template does not take; names
  ///   the file and the line or row
  public int[] prompt(Dataset dataset, Example example) {
    return named(dataset, example, () -> prompt(example));
  }

  private static <T> T named(Dataset dataset, Example example, Supplier<T> work) {
    try {
      return work.get();
    } catch (ChatTemplateException e) {
      throw new ChatTemplateException(dataset.where(example) + ": " + e.getMessage(), e);
    }
  }

  private TokenizedDocument chat(Example.Chat chat) {
    ChatText written = ChatText.of(template(), chat.messages());
    String text = written.text();
    int[] tokens = markup(text);
    BitSet completion = new BitSet();
    for (ChatText.Reply reply : written.replies()) {
      int start = upTo(text, reply.start(), tokens);
      int end =
          reply.end() == text.length()
              ? endOfTurn(tokens, start)
              : endOfTurnBehind(tokens, Math.max(start, upTo(text, reply.end(), tokens)));
      completion.set(start, end);
    }
    return new TokenizedDocument(tokens, completion);
  }

  /// How many tokens there are of the text's beginning.
  private int upTo(String text, int end, int[] tokens) {
    return end == 0 ? 0 : sharedPrefix(tokens, markup(text.substring(0, end)));
  }

  /// A template goes on after the token that ends a turn, with a line break for instance: the model
  /// never gets to produce that.
  private int endOfTurn(int[] tokens, int start) {
    for (int i = tokens.length - 1; i >= start; i--) {
      if (vocabulary.isEndOfGeneration(tokens[i])) {
        return i + 1;
      }
    }
    return tokens.length;
  }

  /// Behind the token that ends a turn, if that comes next, whitespace aside.
  private int endOfTurnBehind(int[] tokens, int words) {
    for (int i = words; i < tokens.length; i++) {
      if (vocabulary.isEndOfGeneration(tokens[i])) {
        return i + 1;
      }
      if (!new String(vocabulary.piece(tokens[i], true), StandardCharsets.UTF_8).isBlank()) {
        break;
      }
    }
    return words;
  }

  private TokenizedDocument completed(String prompt, String completion) {
    int[] whole = markup(prompt + completion);
    int start = sharedPrefix(whole, markup(prompt));
    boolean ends = whole.length > 0 && vocabulary.isEndOfGeneration(whole[whole.length - 1]);
    if (!ends && vocabulary.end().isPresent()) {
      whole = Arrays.copyOf(whole, whole.length + 1);
      whole[whole.length - 1] = vocabulary.end().getAsInt();
    }
    BitSet produced = new BitSet();
    produced.set(start, whole.length);
    return new TokenizedDocument(whole, produced);
  }

  private int[] markup(String text) {
    return vocabulary.tokenize(text, true, true);
  }

  /// Where the tokens of a text's beginning part from those of the text: its length, unless a token
  /// spans the border.
  private static int sharedPrefix(int[] whole, int[] beginning) {
    int mismatch = Arrays.mismatch(whole, beginning);
    return mismatch < 0 ? whole.length : mismatch;
  }

  private ChatTemplate template() {
    if (template == null) {
      template = ChatTemplate.of(model);
    }
    return template;
  }
}
