package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;

/// A model's tokens: from text to ids and back, as llama.cpp does it. May be shared between
/// threads.
public final class Vocabulary {
  private final MemorySegment pointer;
  private final Runnable requireOpen;
  private final int size;

  Vocabulary(MemorySegment pointer, Runnable requireOpen) {
    this.pointer = pointer;
    this.requireOpen = requireOpen;
    this.size = Llama.llama_vocab_n_tokens(pointer);
  }

  /// How many tokens there are; ids run from 0.
  public int size() {
    return size;
  }

  /// The token that begins a sequence. llama.cpp takes a default where the model names none, so it
  /// means something only where [#addsBeginning] holds.
  public OptionalInt beginning() {
    return optional(Llama.llama_vocab_bos(pointer()));
  }

  /// The token that ends a sequence, if the model has one.
  public OptionalInt end() {
    return optional(Llama.llama_vocab_eos(pointer()));
  }

  private static OptionalInt optional(int token) {
    return token < 0 ? OptionalInt.empty() : OptionalInt.of(token);
  }

  /// Whether the model is to be given the beginning-of-sequence token first.
  public boolean addsBeginning() {
    return Llama.llama_vocab_get_add_bos(pointer());
  }

  /// Whether generation stops at this token (`llama_vocab_is_eog`).
  public boolean isEndOfGeneration(int token) {
    return Llama.llama_vocab_is_eog(pointer(), requireToken(token));
  }

  /// Whether the token steers the model and is not text (`llama_vocab_is_control`).
  public boolean isControl(int token) {
    return Llama.llama_vocab_is_control(pointer(), requireToken(token));
  }

  /// How the vocabulary writes the token, such as `Ġthe` or `<|im_end|>`: not what it reads as in a
  /// text, which is [#piece].
  public String text(int token) {
    return Llama.llama_vocab_get_text(pointer(), requireToken(token)).getString(0);
  }

  /// The tokens of a text (`llama_tokenize`).
  ///
  /// @param addSpecial whether to add the beginning and end tokens that the model is configured for
  /// @param parseSpecial whether the text of a control token, such as `<|im_start|>`, stands for
  ///   that token; otherwise it is plain text
  /// @throws NativeException if the model has no vocabulary, or the text is too long
  public int[] tokenize(String text, boolean addSpecial, boolean parseSpecial) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, utf8);
      // Nearly every vocabulary needs at most a token a byte, and a beginning and an end.
      int capacity = Math.addExact(utf8.length, 8);
      while (true) {
        MemorySegment tokens = arena.allocate(ValueLayout.JAVA_INT, capacity);
        int count =
            Llama.llama_tokenize(
                textPointer(), bytes, utf8.length, tokens, capacity, addSpecial, parseSpecial);
        if (count >= 0) {
          return tokens.asSlice(0, 4L * count).toArray(ValueLayout.JAVA_INT);
        }
        if (count == Integer.MIN_VALUE) {
          throw new NativeException(
              "a text of " + utf8.length + " bytes is too long to tokenize; split it");
        }
        capacity = -count;
      }
    }
  }

  /// The UTF-8 bytes that a token stands for; they may begin or end within a character
  /// (`llama_token_to_piece`).
  ///
  /// @param renderSpecial whether a control token is written out; otherwise it is empty
  public byte[] piece(int token, boolean renderSpecial) {
    requireToken(token);
    try (Arena arena = Arena.ofConfined()) {
      int capacity = 64;
      while (true) {
        MemorySegment bytes = arena.allocate(capacity);
        int count =
            Llama.llama_token_to_piece(textPointer(), token, bytes, capacity, 0, renderSpecial);
        if (count >= 0) {
          return bytes.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
        }
        capacity = -count;
      }
    }
  }

  /// The text of tokens (`llama_detokenize`). Bytes that are not UTF-8 become U+FFFD, but a
  /// character whose bytes are spread over several tokens is whole.
  ///
  /// @param renderSpecial whether control tokens are written out; otherwise they are left out
  public String detokenize(int[] tokens, boolean renderSpecial) {
    for (int token : tokens) {
      requireToken(token);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ids = arena.allocateFrom(ValueLayout.JAVA_INT, tokens);
      int capacity = Math.addExact(Math.multiplyExact(tokens.length, 8), 64);
      while (true) {
        MemorySegment bytes = arena.allocate(capacity);
        int count =
            Llama.llama_detokenize(
                textPointer(), ids, tokens.length, bytes, capacity, false, renderSpecial);
        if (count >= 0) {
          return new String(
              bytes.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
        }
        capacity = -count;
      }
    }
  }

  /// Turns tokens into text one at a time, as they are generated.
  public TextStream newTextStream() {
    return new TextStream(this);
  }

  int requireToken(int token) {
    if (token < 0 || token >= size) {
      throw new IllegalArgumentException(
          "token " + token + " is not in the vocabulary of " + size + " tokens");
    }
    return token;
  }

  private MemorySegment pointer() {
    requireOpen.run();
    return pointer;
  }

  /// The library asserts that there is a tokenizer.
  private MemorySegment textPointer() {
    MemorySegment open = pointer();
    if (Llama.llama_vocab_type(open) == Llama.LLAMA_VOCAB_TYPE_NONE()) {
      throw new NativeException("the model file has no tokenizer; import it with its tokenizer");
    }
    return open;
  }
}
