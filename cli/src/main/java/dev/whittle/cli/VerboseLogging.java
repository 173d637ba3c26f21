package dev.whittle.cli;

import java.io.PrintWriter;
import java.text.MessageFormat;
import java.util.Locale;
import java.util.ResourceBundle;
import org.jspecify.annotations.Nullable;

/// Where [System.Logger] leads in this process: nowhere, or with `--verbose` to standard error.
///
/// The libraries log through it, llama.cpp's own chatter included. Nothing of that is for users
/// unless they ask: what they need to know is in the sentence that a failure ends with. It is also
/// lighter to start than `java.util.logging`.
public final class VerboseLogging extends System.LoggerFinder {
  private static volatile @Nullable PrintWriter target;

  /// Shows log messages on `writer`, or with null drops them.
  static void show(@Nullable PrintWriter writer) {
    target = writer;
  }

  @Override
  public System.Logger getLogger(String name, Module module) {
    return new Line(name);
  }

  private record Line(String name) implements System.Logger {

    @Override
    public String getName() {
      return name;
    }

    @Override
    public boolean isLoggable(Level level) {
      return target != null;
    }

    @Override
    public void log(
        Level level,
        @Nullable ResourceBundle bundle,
        @Nullable String message,
        @Nullable Throwable thrown) {
      PrintWriter writer = target;
      if (writer != null) {
        writer.println(level.name().toLowerCase(Locale.ROOT) + " " + name + ": " + message);
        if (thrown != null) {
          thrown.printStackTrace(writer);
        }
        writer.flush();
      }
    }

    @Override
    public void log(
        Level level,
        @Nullable ResourceBundle bundle,
        @Nullable String format,
        @Nullable Object @Nullable ... parameters) {
      boolean plain = format == null || parameters == null || parameters.length == 0;
      log(
          level,
          bundle,
          plain ? format : MessageFormat.format(format, parameters),
          (Throwable) null);
    }
  }
}
