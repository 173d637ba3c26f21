package dev.whittle.cli;

import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// Says what becomes of the work if the process is told to end (Ctrl-C) before this is closed.
///
/// Of notices within each other, only the outermost one speaks: what a stage of a recipe would have
/// to be given to go on, the recipe gives it.
final class InterruptionNotice implements AutoCloseable {
  private static final AtomicReference<@Nullable InterruptionNotice> OUTERMOST =
      new AtomicReference<>();

  private final Thread hook;

  InterruptionNotice(Terminal terminal, String message) {
    hook = new Thread(() -> terminal.say("\n" + message), "interruption notice");
    if (OUTERMOST.compareAndSet(null, this)) {
      Runtime.getRuntime().addShutdownHook(hook);
    }
  }

  @Override
  public void close() {
    if (OUTERMOST.compareAndSet(this, null)) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException _) {
        // The process is ending, and the notice has been given.
      }
    }
  }
}
