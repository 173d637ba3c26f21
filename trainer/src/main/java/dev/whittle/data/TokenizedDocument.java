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

  public int length() {
    return tokens.length;
  }

  /// The document's part from one token to another, exclusive.
  TokenizedDocument part(int from, int to) {
    return new TokenizedDocument(Arrays.copyOfRange(tokens, from, to), completion.get(from, to));
  }
}
