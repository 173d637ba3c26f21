package dev.whittle.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Help;
import picocli.CommandLine.Help.Ansi;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/// The two streams that a command writes to, and what they can show.
///
/// Standard output carries results only, in UTF-8 whatever the locale: it may well be a file or a
/// pipe. Unlike [System#out] it does not forget that a write failed.
final class Terminal {
  private static final JsonMapper JSON =
      JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).build();

  private final Remembering results;
  private final OutputStream people;
  private final PrintWriter out;
  private final PrintWriter err;
  private final boolean live;
  private final boolean colored;
  private final boolean conversational;

  Terminal(OutputStream out, OutputStream err, boolean live, boolean colored) {
    this(out, err, live, colored, false);
  }

  /// @param live whether `err` is a terminal, which can redraw a line
  /// @param colored whether text may be coloured
  /// @param conversational whether standard input and `out` are a terminal
  private Terminal(
      OutputStream out, OutputStream err, boolean live, boolean colored, boolean conversational) {
    this.results = new Remembering(out);
    this.people = err;
    this.out = new PrintWriter(results, false, StandardCharsets.UTF_8);
    this.err = new PrintWriter(err, true, StandardCharsets.UTF_8);
    this.live = live;
    this.colored = colored;
    this.conversational = conversational;
  }

  /// The process's own streams. Java can tell of standard input and output whether both are a
  /// terminal; of standard error the launcher does (`whittle.terminal`).
  static Terminal ofProcess() {
    boolean live = Boolean.getBoolean("whittle.terminal") && !"dumb".equals(System.getenv("TERM"));
    String noColor = System.getenv("NO_COLOR");
    return new Terminal(
        new FileOutputStream(FileDescriptor.out),
        new FileOutputStream(FileDescriptor.err),
        live,
        live && (noColor == null || noColor.isEmpty()),
        System.console() != null && System.console().isTerminal());
  }

  /// The same terminal, for a command whose results are only something to tell people.
  Terminal forPeople() {
    return new Terminal(people, people, live, colored);
  }

  /// Writes a part of the result, at once.
  ///
  /// @throws OutputException if standard output does not take it, so that work for nobody stops
  void print(String text) {
    out.print(text);
    out.flush();
    outputFailure()
        .ifPresent(failure -> {
          throw failure;
        });
  }

  /// Writes a part of the result and ends the line.
  ///
  /// @throws OutputException as [#print]
  void println(String text) {
    print(text + "\n");
  }

  /// Writes the result as one JSON object on a line of its own. Components of records become
  /// members in snake case.
  ///
  /// @throws OutputException as [#print]
  void printJson(Object result) {
    println(json(result).toString());
  }

  /// The JSON form of a result.
  JsonNode json(Object result) {
    try {
      return JSON.valueToTree(result);
    } catch (JacksonException e) {
      throw new IllegalStateException("the result has no form in JSON", e);
    }
  }

  /// Tells people something, on standard error.
  void say(String line) {
    err.println(line);
  }

  /// Warns people of something, on standard error.
  void warn(String sentence) {
    say("warning: " + sentence);
  }

  /// Whether standard error is a terminal.
  boolean isLive() {
    return live;
  }

  /// Whether a person sits at standard input and output.
  boolean isConversational() {
    return conversational;
  }

  /// Whether a part of the result may be dimmed.
  boolean isDimmable() {
    return conversational && colored;
  }

  /// Why standard output took no more, if so.
  Optional<OutputException> outputFailure() {
    out.flush();
    return Optional.ofNullable(results.failure).map(OutputException::new);
  }

  PrintWriter out() {
    return out;
  }

  PrintWriter err() {
    return err;
  }

  Help.ColorScheme colorScheme() {
    return Help.defaultColorScheme(ansi());
  }

  /// Resolves picocli's markup (`@|bold ...|@`), to nothing where colours are not wanted.
  String styled(String markup) {
    return ansi().string(markup);
  }

  private Ansi ansi() {
    return colored ? Ansi.ON : Ansi.OFF;
  }

  /// Standard output did not take the result.
  static final class OutputException extends RuntimeException {
    private OutputException(IOException cause) {
      super(
          "standard output cannot be written ("
              + cause.getMessage()
              + "); free some space, or redirect it to another place",
          cause);
    }

    /// Whether the reader of a pipe has gone, as `head` does when it has enough: no news to anyone.
    boolean isReaderGone() {
      return "Broken pipe".equals(getCause().getMessage());
    }
  }

  /// Writes through, and keeps the first failure, which [PrintWriter] would only count.
  private static final class Remembering extends OutputStream {
    private final OutputStream target;
    private @Nullable IOException failure;

    Remembering(OutputStream target) {
      this.target = target;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      try {
        target.write(bytes, offset, length);
      } catch (IOException e) {
        failure = failure == null ? e : failure;
        throw e;
      }
    }

    @Override
    public void flush() throws IOException {
      try {
        target.flush();
      } catch (IOException e) {
        failure = failure == null ? e : failure;
        throw e;
      }
    }
  }
}
