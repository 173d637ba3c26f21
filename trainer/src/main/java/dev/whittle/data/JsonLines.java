package dev.whittle.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// Rows of a file with one JSON object a line, in UTF-8. Blank lines are no rows.
final class JsonLines implements Rows {
  static final String UNIT = "line";

  private static final int BYTE_ORDER_MARK = '\ufeff';

  private final Path path;
  private final BufferedReader reader;
  private String text = "";
  private long line;

  JsonLines(Path path) {
    this.path = path;
    try {
      reader = Files.newBufferedReader(path);
      skipByteOrderMark();
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  @Override
  public boolean advance() {
    try {
      for (String next = reader.readLine(); next != null; next = reader.readLine()) {
        line++;
        if (!next.isBlank()) {
          text = next;
          return true;
        }
      }
      return false;
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  @Override
  public Example example() {
    return new ExampleParser(path + " " + UNIT, line).parse(text);
  }

  @Override
  public long count() {
    long count = 0;
    while (advance()) {
      count++;
    }
    return count;
  }

  @Override
  public void close() {
    try {
      reader.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Editors on Windows begin files in UTF-8 with one.
  private void skipByteOrderMark() throws IOException {
    reader.mark(1);
    if (reader.read() != BYTE_ORDER_MARK) {
      reader.reset();
    }
  }

  private DataException unreadable(IOException e) {
    return e instanceof MalformedInputException
        ? new DataException(
            "%s line %d is not text in UTF-8; convert it".formatted(path, firstMalformedLine()), e)
        : DataException.unreadable(path, e);
  }

  /// The reader is ahead of the lines, so they are looked at once more. In the encoding of one byte
  /// a character, lines end where they do in UTF-8.
  private long firstMalformedLine() {
    try (Stream<String> lines = Files.lines(path, StandardCharsets.ISO_8859_1)) {
      return 1 + lines.takeWhile(JsonLines::isUtf8).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isUtf8(String bytes) {
    try {
      StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes.getBytes(StandardCharsets.ISO_8859_1)));
      return true;
    } catch (CharacterCodingException _) {
      return false;
    }
  }
}
