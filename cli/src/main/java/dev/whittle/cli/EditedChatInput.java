package dev.whittle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.Terminal.SignalHandler;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;

/// Lines that a person types and edits, with a history that outlives the program.
final class EditedChatInput implements ChatInput {
  private final org.jline.terminal.Terminal terminal;
  private final LineReader reader;
  private final String prompt;

  /// @param prompt what stands before each line
  EditedChatInput(String prompt) {
    this.prompt = prompt;
    try {
      terminal = TerminalBuilder.builder().system(true).build();
    } catch (IOException e) {
      throw new UnusableException(
          "the terminal cannot be used: "
              + e.getMessage()
              + "; pipe lines into the command instead",
          e);
    }
    // What is said is prose: quotes, backslashes and exclamation marks mean themselves.
    reader =
        LineReaderBuilder.builder()
            .terminal(terminal)
            .appName("whittle")
            .parser(new DefaultParser().quoteChars(new char[0]).escapeChars(null))
            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
            .build();
    Path history = historyFile();
    if (history != null) {
      reader.setVariable(LineReader.HISTORY_FILE, history);
    }
  }

  /// Where such files belong by the XDG Base Directory Specification; null if there is no such
  /// place.
  private static @Nullable Path historyFile() {
    String state = System.getenv("XDG_STATE_HOME");
    Path base =
        state == null || state.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".local", "state")
            : Path.of(state);
    Path file = base.resolve("whittle").resolve("chat_history");
    try {
      Files.createDirectories(file.getParent());
      return file;
    } catch (IOException _) {
      // A history is a convenience; without it one can chat all the same.
      return null;
    }
  }

  @Override
  public @Nullable String next() {
    while (true) {
      try {
        return reader.readLine(prompt);
      } catch (UserInterruptException _) {
        // Ctrl-C gives up the line, as in a shell.
      } catch (EndOfFileException _) {
        return null;
      }
    }
  }

  @Override
  public void stoppable(Consumer<BooleanSupplier> work) {
    AtomicBoolean stopped = new AtomicBoolean();
    SignalHandler before = terminal.handle(Signal.INT, signal -> stopped.set(true));
    try {
      work.accept(stopped::get);
    } finally {
      terminal.handle(Signal.INT, before);
    }
  }

  @Override
  public void close() {
    try {
      terminal.close();
    } catch (IOException _) {
      // It was only borrowed.
    }
  }
}
