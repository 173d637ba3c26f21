package dev.whittle.ggml;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/// Turns tokens into text one at a time. A character whose bytes are spread over several tokens
/// comes out with the last of them.
public final class TextStream {
  private final Vocabulary vocabulary;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);

  /// The bytes of a character that is not complete: never more than three.
  private byte[] pending = {};

  TextStream(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
  }

  /// The text that this token completes, without control tokens; may be empty.
  public String append(int token) {
    return decode(vocabulary.piece(token, false), false);
  }

  /// What remains at the end: U+FFFD if the last character was cut off, or nothing.
  public String finish() {
    return decode(new byte[0], true);
  }

  private String decode(byte[] piece, boolean last) {
    ByteBuffer in = ByteBuffer.allocate(pending.length + piece.length);
    in.put(pending).put(piece).flip();
    CharBuffer out = CharBuffer.allocate(in.remaining() + 1);
    decoder.decode(in, out, last);
    if (last) {
      decoder.flush(out);
      decoder.reset();
    }
    pending = new byte[in.remaining()];
    in.get(pending);
    return out.flip().toString();
  }
}
