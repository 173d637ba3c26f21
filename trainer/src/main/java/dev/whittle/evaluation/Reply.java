package dev.whittle.evaluation;

import dev.whittle.ggml.Batch;
import dev.whittle.ggml.LlamaContext;
import java.util.Arrays;

/// A reply in the making: a prompt that is read, then tokens that are appended one by one.
final class Reply implements AutoCloseable {
  private static final int NO_LOGITS = -1;

  private final int prompt;
  private final int sequence;
  private final TokenChoice choice;

  /// The prompt, then what was generated.
  private int[] tokens;

  private final int promptLength;
  private int size;

  /// How many of the tokens the context has been given.
  private int fed;

  private int logitsIndex = NO_LOGITS;

  Reply(int prompt, int[] promptTokens, int sequence, TokenChoice choice) {
    this.prompt = prompt;
    this.sequence = sequence;
    this.choice = choice;
    this.tokens = Arrays.copyOf(promptTokens, promptTokens.length + 64);
    this.promptLength = promptTokens.length;
    this.size = promptLength;
  }

  /// Whether a part of the prompt has not been given to the context yet.
  boolean isReadingPrompt() {
    return fed < promptLength;
  }

  /// Adds to a batch what the context has not been given yet.
  ///
  /// @param most how many tokens to add at most
  /// @return how many were added
  int feed(Batch batch, int most) {
    logitsIndex = NO_LOGITS;
    int end = Math.min(size, fed + most);
    int added = end - fed;
    for (; fed < end; fed++) {
      boolean last = fed == size - 1;
      int index = batch.add(tokens[fed], fed, sequence, last);
      logitsIndex = last ? index : NO_LOGITS;
    }
    return added;
  }

  /// Whether the last batch computed the logits for the next token.
  boolean hasLogits() {
    return logitsIndex != NO_LOGITS;
  }

  /// Chooses the next token, appends it and returns it.
  int choose(LlamaContext context) {
    int token = choice.choose(context, logitsIndex);
    logitsIndex = NO_LOGITS;
    if (size == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * size);
    }
    tokens[size++] = token;
    return token;
  }

  /// How many tokens prompt and reply have together.
  int size() {
    return size;
  }

  /// How many tokens were generated.
  int length() {
    return size - promptLength;
  }

  Generation result(boolean truncated) {
    return new Generation(prompt, Arrays.copyOfRange(tokens, promptLength, size), truncated);
  }

  @Override
  public void close() {
    choice.close();
  }
}
