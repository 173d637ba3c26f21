package dev.whittle.data;

import java.util.Arrays;
import java.util.BitSet;

/// A document as the model reads it.
///
/// @param tokens ids, in order
/// @param completion which of the tokens the model is to produce: the assistant's turns with the
///   token that ends each, a completion with the end of the sequence, or all of a text. The others
///   are what it is given
public record TokenizedDocument(int[] tokens, BitSet completion) {

  /// A reply to a prompt.
  public static TokenizedDocument replied(int[] prompt, int[] reply) {
    int[] tokens = Arrays.copyOf(prompt, prompt.length + reply.length);
    System.arraycopy(reply, 0, tokens, prompt.length, reply.length);
    BitSet produced = new BitSet();
    produced.set(prompt.length, tokens.length);
    return new TokenizedDocument(tokens, produced);
  }

  /// What comes before the last part that the model is to produce; empty where that is the
  /// beginning or nothing.
  public int[] prompt() {
    int end = completion.length();
    return Arrays.copyOf(tokens, end == 0 ? 0 : completion.previousClearBit(end - 1) + 1);
  }

  public int length() {
    return tokens.length;
  }

  /// The document's part from one token to another, exclusive.
  TokenizedDocument part(int from, int to) {
    return new TokenizedDocument(Arrays.copyOfRange(tokens, from, to), completion.get(from, to));
  }
}
