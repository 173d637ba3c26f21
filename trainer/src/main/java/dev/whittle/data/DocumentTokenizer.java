package dev.whittle.data;

import dev.whittle.ggml.ChatMessage;
import dev.whittle.ggml.ChatTemplate;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Vocabulary;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
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
  /// @throws dev.whittle.ggml.NativeException if it is a chat and the model's template cannot be
  ///   used
  public TokenizedDocument tokenize(Example example) {
    return switch (example) {
      case Example.Chat chat -> chat(chat.messages());
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

  private TokenizedDocument chat(List<ChatMessage> messages) {
    int[] tokens = markup(template().apply(messages, false));
    BitSet completion = new BitSet();
    for (int i = 0; i < messages.size(); i++) {
      if (messages.get(i).role().equals(ChatMessage.ASSISTANT)) {
        int start = i == 0 ? 0 : sharedPrefix(tokens, markup(opening(messages, i)));
        boolean last = i == messages.size() - 1;
        int end = last ? tokens.length : sharedPrefix(tokens, markup(closing(messages, i)));
        completion.set(start, endOfTurn(tokens, start, end));
      }
    }
    return new TokenizedDocument(tokens, completion);
  }

  /// The chat up to where the reply of this index begins.
  private String opening(List<ChatMessage> messages, int reply) {
    return template().apply(messages.subList(0, reply), true);
  }

  /// The chat up to where the reply of this index ends.
  private String closing(List<ChatMessage> messages, int reply) {
    return template().apply(messages.subList(0, reply + 1), false);
  }

  /// A template goes on after the token that ends a turn, with a line break for instance: the model
  /// never gets to produce that.
  private int endOfTurn(int[] tokens, int start, int end) {
    for (int i = end - 1; i >= start; i--) {
      if (vocabulary.isEndOfGeneration(tokens[i])) {
        return i + 1;
      }
    }
    return end;
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
