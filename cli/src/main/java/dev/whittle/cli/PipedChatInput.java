package dev.whittle.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Lines from a file or a pipe. Ctrl-C ends the program, as anywhere.
final class PipedChatInput implements ChatInput {
  private final BufferedReader lines =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

  @Override
  public @Nullable String next() {
    try {
      return lines.readLine();
    } catch (IOException e) {
      throw new UnusableException(
          "standard input cannot be read: " + e.getMessage() + "; name a file that can", e);
    }
  }

  @Override
  public void stoppable(Consumer<BooleanSupplier> work) {
    work.accept(() -> false);
  }

  @Override
  public void close() {}
}
