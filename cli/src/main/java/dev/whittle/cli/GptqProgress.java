package dev.whittle.cli;

import dev.whittle.gptq.GptqListener;

/// Tells how far GPTQ has come, and what is wrong with the calibration.
final class GptqProgress implements GptqListener, AutoCloseable {
  private final Terminal terminal;
  private final Progress progress;

  GptqProgress(Terminal terminal) {
    this.terminal = terminal;
    progress = new Progress(terminal, "gptq", "layers");
  }

  @Override
  public void layer(int done, int count) {
    progress.update(done, count, "");
  }

  @Override
  public void warning(String sentence) {
    progress.close();
    terminal.say("warning: " + sentence);
  }

  @Override
  public void close() {
    progress.close();
  }
}
