package dev.whittle.cli;

import dev.whittle.blockwise.BlockwiseListener;
import dev.whittle.blockwise.Reconstruction;
import dev.whittle.quantization.QuantizationMethod;
import java.util.Locale;

/// Tells how far a method has come that goes through a model layer by layer, and what is wrong with
/// the calibration.
final class GptqProgress implements BlockwiseListener, AutoCloseable {
  private final Terminal terminal;
  private final Progress progress;

  GptqProgress(Terminal terminal, QuantizationMethod method) {
    this.terminal = terminal;
    progress = new Progress(terminal, method.name().toLowerCase(Locale.ROOT), "layers");
  }

  @Override
  public void layer(int done, int count) {
    progress.update(done, count, "");
  }

  @Override
  public void warning(String sentence) {
    progress.close();
    terminal.warn(sentence);
  }

  @Override
  public void reconstructed(Reconstruction result) {
    progress.close();
    terminal.say(
        "layer %d: relative error on held-out text %.5f, by GPTQ alone %.5f"
            .formatted(result.layer(), result.after(), result.before()));
  }

  @Override
  public void close() {
    progress.close();
  }
}
