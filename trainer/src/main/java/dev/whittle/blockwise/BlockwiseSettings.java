package dev.whittle.blockwise;

import dev.whittle.gptq.GptqSettings;
import dev.whittle.training.ScaleMode;

/// How layers are reconstructed.
///
/// Learning rates are shares of what they move: of the mean distance between two levels of the
/// layer's matrices for masters, of the mean weight for norms and biases. So one setting serves
/// models and types of any size.
///
/// @param start how the blocks are made that training begins with
/// @param epochs how often the text is gone through, for each layer
/// @param masterRate the highest learning rate of masters, and, smaller by LSQ's factor, of scales;
///   four times as high for layers of less than 2.5 bits a weight
/// @param vectorRate that of norms and biases; 0 leaves them as they are
/// @param scales whether the scales of blocks stay as GPTQ left them, or are trained, which did no
///   better (docs/quantization.md). Fitting them anew at every step, as a whole model's training
///   may, jumps too far for the few steps there are
/// @param seed of the order of the text
public record BlockwiseSettings(
    GptqSettings start,
    int epochs,
    double masterRate,
    double vectorRate,
    ScaleMode scales,
    long seed) {
  public BlockwiseSettings {
    if (epochs < 1) {
      throw new IllegalArgumentException(epochs + " epochs; 1 or more needed");
    }
    if (!(masterRate > 0) || !(vectorRate >= 0)) {
      throw new IllegalArgumentException("learning rates must not be negative, nor the masters' 0");
    }
  }

  /// Settings that do well at 2 to 4 bits.
  public static BlockwiseSettings defaults() {
    return new BlockwiseSettings(GptqSettings.defaults(), 4, 0.0025, 0.0005, ScaleMode.FROZEN, 42);
  }

  /// These settings with another number of epochs.
  public BlockwiseSettings withEpochs(int count) {
    return new BlockwiseSettings(start, count, masterRate, vectorRate, scales, seed);
  }

  /// These settings with another start.
  public BlockwiseSettings withStart(GptqSettings settings) {
    return new BlockwiseSettings(settings, epochs, masterRate, vectorRate, scales, seed);
  }
}
