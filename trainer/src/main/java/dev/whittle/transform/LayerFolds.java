package dev.whittle.transform;

import dev.whittle.model.ModelConfig;
import java.util.Arrays;

/// The changes of basis inside one layer.
///
/// @param attentionNorm [width] what the norm before attention is divided by, and its readers
///   multiplied with
/// @param heads the basis of what the value heads hand to the output projection: a map for each
///   key-value head, which the query heads that read it share
/// @param feedForwardNorm [width] as for attention
/// @param hidden [feedForward] what goes from `ffn_up` to `ffn_down` is divided by these
record LayerFolds(
    float[] attentionNorm, BlockDiagonal heads, float[] feedForwardNorm, float[] hidden) {

  /// No change.
  static LayerFolds none(ModelConfig config) {
    return new LayerFolds(
        ones(config.width()),
        BlockDiagonal.repeated(new Scaling(ones(config.headSize())), config.keyValueHeads()),
        ones(config.width()),
        ones(config.feedForward()));
  }

  LayerFolds withAttentionNorm(float[] changed) {
    return new LayerFolds(changed, heads, feedForwardNorm, hidden);
  }

  LayerFolds withHeads(BlockDiagonal changed) {
    return new LayerFolds(attentionNorm, changed, feedForwardNorm, hidden);
  }

  LayerFolds withFeedForwardNorm(float[] changed) {
    return new LayerFolds(attentionNorm, heads, changed, hidden);
  }

  LayerFolds withHidden(float[] changed) {
    return new LayerFolds(attentionNorm, heads, feedForwardNorm, changed);
  }

  static float[] ones(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    return ones;
  }
}
