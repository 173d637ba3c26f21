package dev.whittle.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongPredicate;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/// A data set of one JSON object a line: `messages` (a chat in OpenAI's form), `prompt` and
/// `completion`, or `text`; with `answer` and `domain` where there are any. Blank lines do not
/// count.
///
/// @param path the file, UTF-8
/// @param domain the one whose examples are the data set, as if the file had no others; null for
///   all
public record JsonlDataset(Path path, @Nullable String domain) {
  private static final byte[] GZIP = {0x1f, (byte) 0x8b};
  private static final int BYTE_ORDER_MARK = '\ufeff';

  /// All examples of a file.
  public JsonlDataset(Path path) {
    this(path, null);
  }

  /// The examples in the order of the file, read as they are asked for. The stream must be closed.
  ///
  /// @throws DataException if the file cannot be read; from the stream if a line is malformed, and
  ///   at its end if it had no examples
  public Stream<Example> examples() {
    return examples(index -> true);
  }

  /// Some of the examples.
  ///
  /// @param wanted whether to take the example with this index, from 0; unless there is a domain to
  ///   look for, the lines of others are not parsed
  Stream<Example> examples(LongPredicate wanted) {
    BufferedReader reader = open();
    Iterator<Example> examples = new Lines(reader, wanted);
    Iterable<Example> iterable = () -> examples;
    return StreamSupport.stream(iterable.spliterator(), false).onClose(() -> close(reader));
  }

  /// @throws DataException if there is no such file
  public void requireFile() {
    if (!Files.isRegularFile(path)) {
      boolean stream = Files.exists(path) && !Files.isDirectory(path);
      throw new DataException(
          path
              + (stream
                  ? " is no file that can be read more than once; write the data to one first"
                  : " is not a file; name a data set of JSON lines"));
    }
  }

  /// How many examples there are.
  ///
  /// @throws DataException if the file cannot be read, or has none of the domain
  public long count() {
    if (domain != null) {
      try (Stream<Example> examples = examples()) {
        return examples.count();
      }
    }
    try (BufferedReader reader = open()) {
      return reader.lines().filter(line -> !line.isBlank()).count();
    } catch (IOException | UncheckedIOException e) {
      throw unreadable(e);
    }
  }

  private BufferedReader open() {
    requireFile();
    try {
      requireUncompressed();
      BufferedReader reader = Files.newBufferedReader(path);
      skipByteOrderMark(reader);
      return reader;
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private void requireUncompressed() throws IOException {
    try (InputStream bytes = Files.newInputStream(path)) {
      if (Arrays.equals(bytes.readNBytes(GZIP.length), GZIP)) {
        throw new DataException(path + " is compressed; decompress it with gunzip");
      }
    }
  }

  /// Editors on Windows begin files in UTF-8 with one.
  private static void skipByteOrderMark(BufferedReader reader) throws IOException {
    reader.mark(1);
    if (reader.read() != BYTE_ORDER_MARK) {
      reader.reset();
    }
  }

  private static void close(BufferedReader reader) {
    try {
      reader.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private DataException unreadable(Exception e) {
    Throwable cause = e instanceof UncheckedIOException ? e.getCause() : e;
    return new DataException(
        cause instanceof MalformedInputException
            ? "%s line %d is not text in UTF-8; convert it".formatted(path, firstMalformedLine())
            : path + " cannot be read: " + cause.getMessage(),
        e);
  }

  /// The reader is ahead of the lines, so they are looked at once more. In the encoding of one byte
  /// a character, lines end where they do in UTF-8.
  private long firstMalformedLine() {
    try (Stream<String> lines = Files.lines(path, StandardCharsets.ISO_8859_1)) {
      return 1 + lines.takeWhile(JsonlDataset::isUtf8).count();
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

  private final class Lines implements Iterator<Example> {
    private final BufferedReader reader;
    private final LongPredicate wanted;
    private long line;
    private long index;
    private final Set<String> others = new TreeSet<>();
    private @Nullable Example next;

    Lines(BufferedReader reader, LongPredicate wanted) {
      this.reader = reader;
      this.wanted = wanted;
    }

    @Override
    public boolean hasNext() {
      if (next == null) {
        next = advance();
      }
      return next != null;
    }

    @Override
    public Example next() {
      if (!hasNext() || next == null) {
        throw new NoSuchElementException();
      }
      Example example = next;
      next = null;
      return example;
    }

    private @Nullable Example advance() {
      try {
        for (String text = reader.readLine(); text != null; text = reader.readLine()) {
          line++;
          if (text.isBlank()) {
            continue;
          }
          Example parsed = domain == null ? null : new ExampleParser(path, line).parse(text);
          if (parsed != null && !domain.equals(parsed.domain())) {
            if (parsed.domain() != null) {
              others.add(parsed.domain());
            }
          } else if (wanted.test(index++)) {
            return parsed == null ? new ExampleParser(path, line).parse(text) : parsed;
          }
        }
      } catch (IOException e) {
        throw unreadable(e);
      }
      if (index == 0) {
        throw new DataException(
            domain == null || line == 0
                ? path + " has no examples; name a data set that has some"
                : "%s has no examples of the domain '%s'; %s"
                    .formatted(
                        path,
                        domain,
                        others.isEmpty()
                            ? "add 'domain' to its lines"
                            : "name one of " + String.join(", ", others)));
      }
      return null;
    }
  }
}
