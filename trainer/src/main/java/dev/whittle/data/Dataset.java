package dev.whittle.data;

import java.io.IOException;
import java.io.InputStream;
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

/// A data set: `messages` (a chat in OpenAI's form) or `conversations` (in ShareGPT's), `prompt`
/// and `completion`, or `text`; with `answer` and `domain` where there are any. Either one JSON
/// object a line (blank lines do not count), or a Parquet file with these as columns.
///
/// @param path the file: lines in UTF-8, or Parquet, by how it begins
/// @param domain the one whose examples are the data set, as if the file had no others; null for
///   all
public record Dataset(Path path, @Nullable String domain) {
  private static final byte[] GZIP = {0x1f, (byte) 0x8b};
  private static final byte[] PARQUET = {'P', 'A', 'R', '1'};

  /// All examples of a file.
  public Dataset(Path path) {
    this(path, null);
  }

  /// The examples in the order of the file, read as they are asked for. The stream must be closed.
  ///
  /// @throws DataException if the file cannot be read; from the stream if an example is malformed,
  ///   and at its end if there were none
  public Stream<Example> examples() {
    return examples(index -> true);
  }

  /// Some of the examples.
  ///
  /// @param wanted whether to take the example with this index, from 0; unless there is a domain to
  ///   look for, others are not parsed
  Stream<Example> examples(LongPredicate wanted) {
    Rows rows = open();
    Iterator<Example> examples = new Examples(rows, wanted);
    Iterable<Example> iterable = () -> examples;
    return StreamSupport.stream(iterable.spliterator(), false).onClose(rows::close);
  }

  /// @throws DataException if there is no such file
  public void requireFile() {
    if (!Files.isRegularFile(path)) {
      boolean stream = Files.exists(path) && !Files.isDirectory(path);
      throw new DataException(
          path
              + (stream
                  ? " is no file that can be read more than once; write the data to one first"
                  : " is not a file; name a data set of JSON lines, or a Parquet file"));
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
    try (Rows rows = open()) {
      return rows.count();
    }
  }

  /// Where an example of this data set stands, to begin an error with: the file, and the line or
  /// row.
  public String where(Example example) {
    return path + " " + (isParquet() ? ParquetRows.UNIT : JsonLines.UNIT) + " " + example.line();
  }

  /// @throws DataException if the example asks for no reply
  public void requireQuestion(Example example) {
    if (!example.asksForReply()) {
      throw new DataException(
          where(example)
              + " asks for no reply; write 'messages' with one that is the user's, or 'prompt'");
    }
  }

  private Rows open() {
    requireFile();
    if (begins(GZIP)) {
      throw new DataException(path + " is compressed; decompress it with gunzip");
    }
    return isParquet() ? new ParquetRows(path) : new JsonLines(path);
  }

  private boolean isParquet() {
    return begins(PARQUET);
  }

  private boolean begins(byte[] magic) {
    try (InputStream bytes = Files.newInputStream(path)) {
      return Arrays.equals(bytes.readNBytes(magic.length), magic);
    } catch (IOException e) {
      throw DataException.unreadable(path, e);
    }
  }

  private final class Examples implements Iterator<Example> {
    private final Rows rows;
    private final LongPredicate wanted;
    private boolean any;
    private long index;
    private final Set<String> others = new TreeSet<>();
    private @Nullable Example next;

    Examples(Rows rows, LongPredicate wanted) {
      this.rows = rows;
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
      while (rows.advance()) {
        any = true;
        Example parsed = domain == null ? null : rows.example();
        if (parsed != null && !domain.equals(parsed.domain())) {
          if (parsed.domain() != null) {
            others.add(parsed.domain());
          }
        } else if (wanted.test(index++)) {
          return parsed == null ? rows.example() : parsed;
        }
      }
      if (index == 0) {
        throw new DataException(
            domain == null || !any
                ? path + " has no examples; name a data set that has some"
                : "%s has no examples of the domain '%s'; %s"
                    .formatted(
                        path,
                        domain,
                        others.isEmpty()
                            ? "add 'domain' to its examples"
                            : "name one of " + String.join(", ", others)));
      }
      return null;
    }
  }
}
