package dev.whittle.inference;

import dev.whittle.ggml.Batch;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.Sampler;
import dev.whittle.ggml.TextStream;
import dev.whittle.ggml.Vocabulary;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Reads tokens into one sequence of a context, and writes the next ones.
final class TokenLoop {
  private static final int SEQUENCE = 0;

  private final LlamaContext context;
  private final @Nullable Sampler sampler;
  private final Vocabulary vocabulary;

  /// How many tokens the context holds.
  private int position;

  /// Of the last token that was read, in its batch.
  private int lastIndex;

  /// @param sampler draws the tokens; null for the likeliest token always
  TokenLoop(LlamaContext context, @Nullable Sampler sampler) {
    this.context = context;
    this.sampler = sampler;
    this.vocabulary = context.model().vocabulary();
  }

  /// Reads tokens, so that the context holds just these.
  ///
  /// @param known how many of them it holds already, less than all; what it holds behind them is
  ///   forgotten
  void read(int[] tokens, int known) {
    if (known > 0) {
      context.truncateSequence(SEQUENCE, known);
    } else {
      context.removeSequence(SEQUENCE);
    }
    Batch batch = new Batch(Math.min(context.batchSize(), tokens.length - known));
    for (position = known; position < tokens.length; position++) {
      boolean last = position == tokens.length - 1;
      lastIndex = batch.add(tokens[position], position, SEQUENCE, last);
      if (batch.isFull() || last) {
        context.decode(batch);
        batch.clear();
      }
    }
  }

  /// Writes tokens until the model ends its text, there are `limit`, or it is stopped.
  ///
  /// @param written is given the text piece by piece, without control tokens
  /// @return the tokens. The context need not hold the last of them
  int[] write(int limit, Consumer<String> written, BooleanSupplier stopped) {
    TextStream text = vocabulary.newTextStream();
    Batch batch = new Batch(1);
    int[] tokens = new int[64];
    int count = 0;
    while (count < limit && !stopped.getAsBoolean()) {
      int token =
          sampler == null ? context.likeliestToken(lastIndex) : sampler.sample(context, lastIndex);
      if (vocabulary.isEndOfGeneration(token)) {
        break;
      }
      written.accept(text.append(token));
      tokens = count == tokens.length ? Arrays.copyOf(tokens, 2 * count) : tokens;
      tokens[count++] = token;
      if (count < limit) {
        batch.clear();
        lastIndex = batch.add(token, position++, SEQUENCE, true);
        context.decode(batch);
      }
    }
    written.accept(text.finish());
    return Arrays.copyOf(tokens, count);
  }
}
