package dev.whittle.transform;

import dev.whittle.model.ModelConfig;
import dev.whittle.model.ModelFile;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// All changes of basis in a model, and what they make of each of its weights.
///
/// @param layers of each layer
/// @param stream the basis of the residual stream: a rotation, which commutes with norms without
///   gains; null if it stays. If it does not, the norms' divisors must be their gains
/// @param outputNorm [width] what the final norm is divided by, and the head multiplied with; null
///   if they stay. A head that is tied to the token embedding becomes a tensor of its own
record Folds(List<LayerFolds> layers, @Nullable LinearMap stream, float @Nullable [] outputNorm) {
  Folds {
    layers = List.copyOf(layers);
    if (stream != null && outputNorm == null) {
      throw new IllegalArgumentException("the gain of the final norm must go before a rotation");
    }
  }

  /// Whether a model with a tied head gets one of its own.
  boolean untie() {
    return outputNorm != null;
  }

  /// What becomes of a tensor.
  ///
  /// @param name as in the written file
  WeightChange change(ModelConfig config, String name) {
    if (name.startsWith("blk.")) {
      int end = name.indexOf('.', 4);
      LayerFolds layer = layers.get(Integer.parseInt(name.substring(4, end)));
      return change(config, layer, name.substring(end + 1));
    }
    return switch (name) {
      case ModelFile.EMBEDDING -> WeightChange.ofRows(stream);
      case ModelFile.OUTPUT ->
          WeightChange.ofRows(outputNorm == null ? null : new Scaling(outputNorm), stream);
      case ModelFile.OUTPUT_NORM -> WeightChange.ofGain(outputNorm);
      default -> WeightChange.NONE;
    };
  }

  private WeightChange change(ModelConfig config, LayerFolds layer, String name) {
    int sharing = config.heads() / config.keyValueHeads();
    return switch (name) {
      case "attn_norm.weight" -> WeightChange.ofGain(layer.attentionNorm());
      case "ffn_norm.weight" -> WeightChange.ofGain(layer.feedForwardNorm());
      case "attn_q.weight", "attn_k.weight" ->
          WeightChange.ofRows(new Scaling(layer.attentionNorm()), stream);
      case "attn_v.weight" ->
          WeightChange.ofRows(new Scaling(layer.attentionNorm()), stream).andColumns(layer.heads());
      case "attn_v.bias" -> WeightChange.NONE.andColumns(layer.heads());
      case "attn_output.weight" ->
          WeightChange.ofRows(layer.heads().shared(sharing).inverseTransposed()).andColumns(stream);
      case "ffn_gate.weight" -> WeightChange.ofRows(new Scaling(layer.feedForwardNorm()), stream);
      case "ffn_up.weight" ->
          WeightChange.ofRows(new Scaling(layer.feedForwardNorm()), stream)
              .andColumns(new Scaling(layer.hidden()).inverseTransposed());
      case "ffn_down.weight" -> WeightChange.ofRows(new Scaling(layer.hidden())).andColumns(stream);
      default -> WeightChange.NONE;
    };
  }
}
