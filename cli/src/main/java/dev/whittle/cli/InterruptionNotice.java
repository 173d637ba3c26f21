package dev.whittle.cli;

/// Says what becomes of the work if the process is told to end (Ctrl-C) before this is closed.
final class InterruptionNotice implements AutoCloseable {
  private final Thread hook;

  InterruptionNotice(Terminal terminal, String message) {
    hook = new Thread(() -> terminal.say("\n" + message), "interruption notice");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  @Override
  public void close() {
    Runtime.getRuntime().removeShutdownHook(hook);
  }
}
