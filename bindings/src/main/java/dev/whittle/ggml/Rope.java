package dev.whittle.ggml;

import org.jspecify.annotations.Nullable;

/// The settings of a rotary position embedding, as `ggml_rope_ext` takes them.
///
/// @param dimensions how many of each head's elements are rotated
/// @param pairing which elements form a pair
/// @param originalContext the context length that the model was first trained with (YaRN)
/// @param frequencyBase θ of the paper
/// @param frequencyScale factor on the positions; 1 for none
/// @param frequencyFactors divisors [dimensions / 2] of the frequencies (Llama 3), or null
/// @param extrapolation YaRN's mix of interpolation and extrapolation; 0 for none
/// @param attention YaRN's factor on the magnitude
/// @param betaFast YaRN's upper correction bound
/// @param betaSlow YaRN's lower correction bound
public record Rope(
    int dimensions,
    Pairing pairing,
    int originalContext,
    float frequencyBase,
    float frequencyScale,
    @Nullable Tensor frequencyFactors,
    float extrapolation,
    float attention,
    float betaFast,
    float betaSlow) {

  /// How elements are paired for the rotation.
  public enum Pairing {
    /// Neighbours: (0, 1), (2, 3), … as in Llama's GGUF files.
    NEIGHBOURS,
    /// Halves: (0, n/2), (1, n/2 + 1), … as in GPT-NeoX and Qwen.
    HALVES
  }
}
