package dev.whittle.model;

import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.autograd.Weight;
import dev.whittle.model.Family.WeightSpec;
import java.util.List;
import java.util.Map;

/// The parts that the layers of several families share.
final class Blocks {
  private Blocks() {}

  /// The weights that every family here has.
  static List<WeightSpec> commonWeights(ModelConfig c) {
    long queries = (long) c.headSize() * c.heads();
    long keys = (long) c.headSize() * c.keyValueHeads();
    return List.of(
        WeightSpec.norm("attn_norm", c.width()),
        WeightSpec.matrix("attn_q", c.width(), queries),
        WeightSpec.matrix("attn_k", c.width(), keys),
        WeightSpec.matrix("attn_v", c.width(), keys),
        WeightSpec.matrix("attn_output", queries, c.width()),
        WeightSpec.norm("ffn_norm", c.width()),
        WeightSpec.matrix("ffn_gate", c.width(), c.feedForward()),
        WeightSpec.matrix("ffn_up", c.width(), c.feedForward()),
        WeightSpec.matrix("ffn_down", c.feedForward(), c.width()));
  }

  /// A pre-norm layer: x + attention(norm(x)), then the same with the feed-forward network.
  ///
  /// Biases of the projections (`attn_q.bias`, …) and norms of the heads (`attn_q_norm.weight`, …)
  /// apply where the layer has them.
  static Variable layer(
      Tape tape, ModelConfig c, Map<String, Weight> weights, Variable x, Positions positions) {
    Variable normed = tape.rmsNorm(x, weights.get("attn_norm.weight"), c.epsilon());
    Variable q = projection(tape, c, weights, "attn_q", normed, c.heads());
    Variable k = projection(tape, c, weights, "attn_k", normed, c.keyValueHeads());
    Variable v = projection(tape, c, weights, "attn_v", normed, c.keyValueHeads());
    Variable attended =
        tape.attention(
            tape.rope(q, positions.indices(), positions.rope()),
            tape.rope(k, positions.indices(), positions.rope()),
            v,
            positions.mask(),
            (float) (1 / Math.sqrt(c.headSize())));
    Variable middle = tape.add(x, tape.linear(weights.get("attn_output.weight"), attended));
    return tape.add(middle, feedForward(tape, c, weights, middle));
  }

  /// A projection to heads [head, heads, tokens].
  private static Variable projection(
      Tape tape, ModelConfig c, Map<String, Weight> weights, String name, Variable x, int heads) {
    Variable y = tape.linear(weights.get(name + ".weight"), x);
    Weight bias = weights.get(name + ".bias");
    if (bias != null) {
      y = tape.addBias(y, bias);
    }
    Variable split = tape.reshape(y, c.headSize(), heads, x.tensor().dimension(1));
    Weight norm = weights.get(name + "_norm.weight");
    return norm == null ? split : tape.rmsNorm(split, norm, c.epsilon());
  }

  private static Variable feedForward(
      Tape tape, ModelConfig c, Map<String, Weight> weights, Variable x) {
    Variable normed = tape.rmsNorm(x, weights.get("ffn_norm.weight"), c.epsilon());
    Variable gate = tape.linear(weights.get("ffn_gate.weight"), normed);
    Variable up = tape.linear(weights.get("ffn_up.weight"), normed);
    return tape.linear(weights.get("ffn_down.weight"), tape.swiglu(gate, up));
  }
}
