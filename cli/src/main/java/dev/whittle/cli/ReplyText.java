package dev.whittle.cli;

import dev.whittle.inference.Thoughts;
import java.util.function.Consumer;

/// Writes a reply as it comes to standard output, its thoughts dimmed where that can be seen.
final class ReplyText implements Consumer<String>, AutoCloseable {
  private static final String DIM = "\u001b[2m";
  private static final String PLAIN = "\u001b[22m";

  private final Terminal terminal;
  private final Thoughts thoughts = new Thoughts(this::print);
  private boolean begun;

  ReplyText(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public void accept(String piece) {
    begun |= !piece.isEmpty();
    thoughts.append(piece);
  }

  private void print(String text, boolean thinking) {
    terminal.print(thinking && terminal.isDimmable() ? DIM + text + PLAIN : text);
  }

  /// Ends the reply, and its line, if there is any of it.
  @Override
  public void close() {
    thoughts.finish();
    if (begun) {
      terminal.println("");
    }
  }
}
