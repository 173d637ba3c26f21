package dev.whittle.model;

import dev.whittle.autograd.AttentionMask;
import dev.whittle.ggml.Rope;
import dev.whittle.ggml.Tensor;
import org.jspecify.annotations.Nullable;

/// Where the tokens of a pass stand.
///
/// @param indices position of each token in its document, [tokens] I32
/// @param mask which tokens each one sees
/// @param rope the rotary embedding
public record Positions(Tensor indices, AttentionMask mask, Rope rope) {
  /// Those of a micro-batch, in a model.
  ///
  /// @param ropeFactors the divisors of the rotary frequencies, if the model has any
  static Positions of(
      BatchInputs inputs, ModelConfig config, Family family, @Nullable Tensor ropeFactors) {
    Rope rope =
        new Rope(
            config.headSize(),
            family.pairing(),
            0,
            config.ropeBase(),
            config.ropeScale(),
            ropeFactors,
            0f,
            1f,
            32f,
            1f);
    return new Positions(inputs.positions(), inputs.mask(), rope);
  }
}
