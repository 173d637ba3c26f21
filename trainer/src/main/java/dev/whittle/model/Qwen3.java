package dev.whittle.model;

import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.autograd.Weight;
import dev.whittle.ggml.Rope;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Qwen3: an RMS norm on each head of queries and keys.
final class Qwen3 implements Family {
  @Override
  public Rope.Pairing pairing() {
    return Rope.Pairing.HALVES;
  }

  @Override
  public List<WeightSpec> layerWeights(ModelConfig c) {
    return Stream.concat(
            Blocks.commonWeights(c).stream(),
            Stream.of(
                WeightSpec.norm("attn_q_norm", c.headSize()),
                WeightSpec.norm("attn_k_norm", c.headSize())))
        .toList();
  }

  @Override
  public Variable layer(
      Tape tape, ModelConfig c, Map<String, Weight> weights, Variable x, Positions positions) {
    return Blocks.layer(tape, c, weights, x, positions);
  }
}
