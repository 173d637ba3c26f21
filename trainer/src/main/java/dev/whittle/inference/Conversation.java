package dev.whittle.inference;

import dev.whittle.chat.ChatMessage;
import dev.whittle.chat.ChatTemplate;
import dev.whittle.chat.Thinking;
import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Sampler;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.ggml.Vocabulary;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A chat with a model, in the form of its own template. What the context holds of the chat so far
/// is not read again.
public final class Conversation implements AutoCloseable {
  private final LlamaModel model;
  private final ChatTemplate template;
  private final LlamaContext context;
  private final @Nullable Sampler sampler;
  private final TokenLoop loop;
  private final int contextLength;
  private final @Nullable String system;
  private final List<ChatMessage> messages = new ArrayList<>();

  /// What the context holds.
  private int[] held = {};

  /// Begins a chat.
  ///
  /// @param contextLength how many tokens the whole chat may have
  /// @param sampling how tokens are drawn; null for the likeliest token always
  /// @param system what the model is told before all else; null for nothing
  /// @throws dev.whittle.chat.ChatTemplateException if the model has no chat template that can be
  ///   used
  public Conversation(
      LlamaModel model,
      int contextLength,
      int threads,
      AttentionOptions attention,
      @Nullable SamplerOptions sampling,
      @Nullable String system) {
    this.model = model;
    this.template = ChatTemplate.of(model);
    this.system = system;
    this.context =
        model.newContext(
            LlamaContextOptions.builder()
                .contextLength(contextLength)
                .maxOutputs(1)
                .threads(threads)
                .attention(attention)
                .build());
    // llama.cpp rounds the length up.
    this.contextLength = Math.min(contextLength, context.sequenceLength());
    this.sampler = sampling == null ? null : Sampler.of(sampling);
    this.loop = new TokenLoop(context, sampler);
    clear();
  }

  /// Forgets what was said.
  public void clear() {
    messages.clear();
    if (system != null) {
      messages.add(new ChatMessage("system", system));
    }
  }

  /// Says something to the model, and hears its reply.
  ///
  /// @param maxTokens the longest reply
  /// @param written is given the reply piece by piece, without control tokens; first the mark that
  ///   opens a thought, if the template does that for the model
  /// @param stopped whether to end the reply where it is; asked before each token
  /// @throws ContextFullException if the chat has no room in the context; it is then as it was
  public Continuation say(
      String message, int maxTokens, Consumer<String> written, BooleanSupplier stopped) {
    List<ChatMessage> asked = new ArrayList<>(messages);
    asked.add(new ChatMessage(ChatMessage.USER, message));
    String text = template.apply(asked, true);
    int[] prompt = model.vocabulary().tokenize(text, true, true);
    int room = contextLength - prompt.length;
    if (room < 1) {
      throw new ContextFullException(prompt.length, contextLength);
    }
    // The last token is read in any case: what follows depends on its logits.
    int mismatch = Arrays.mismatch(held, prompt);
    int known = Math.min(mismatch < 0 ? prompt.length : mismatch, prompt.length - 1);
    held = new int[0];
    long start = System.nanoTime();
    loop.read(prompt, known);
    long promptRead = System.nanoTime();
    written.accept(Thoughts.openedBy(text, model.vocabulary()));
    int[] tokens = loop.write(Math.min(maxTokens, room), written, stopped);
    long end = System.nanoTime();
    held = Arrays.copyOf(prompt, prompt.length + Math.max(0, tokens.length - 1));
    System.arraycopy(tokens, 0, held, prompt.length, held.length - prompt.length);
    messages.clear();
    messages.addAll(asked);
    messages.add(new ChatMessage(ChatMessage.ASSISTANT, Thinking.without(words(tokens))));
    return new Continuation(
        prompt.length - known, (promptRead - start) / 1e9, tokens.length, (end - promptRead) / 1e9);
  }

  /// A reply with its control tokens, such as those around a thought, but without what ended it.
  private String words(int[] tokens) {
    Vocabulary vocabulary = model.vocabulary();
    boolean ended = tokens.length > 0 && vocabulary.isEndOfGeneration(tokens[tokens.length - 1]);
    return vocabulary.detokenize(Arrays.copyOf(tokens, tokens.length - (ended ? 1 : 0)), true);
  }

  @Override
  public void close() {
    if (sampler != null) {
      sampler.close();
    }
    context.close();
  }

  /// The chat has become longer than the context.
  public static final class ContextFullException extends RuntimeException {
    private ContextFullException(int tokens, int length) {
      super(
          "the chat has %,d tokens now, which leaves no room for a reply in a context of %,d"
              .formatted(tokens, length));
    }
  }
}
