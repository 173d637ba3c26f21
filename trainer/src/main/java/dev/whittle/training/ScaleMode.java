package dev.whittle.training;

import dev.whittle.blocks.BlockFormat;
import dev.whittle.ggml.GgmlType;

/// Where the scales of blocks come from when a step encodes the weights anew.
public enum ScaleMode {
  /// The encoder fits them to the masters each time.
  REFIT,
  /// They are parameters themselves, see [TrainedScales].
  TRAINED,
  /// They stay what they are when training begins: masters are rounded to the levels that there
  /// are.
  FROZEN;

  /// Whether blocks of a type can be encoded so. Types that are not quantized have no scales, so
  /// that nothing is to do for them.
  public boolean fits(GgmlType type) {
    return this == REFIT || !type.isQuantized() || BlockFormat.of(type).isPresent();
  }
}
