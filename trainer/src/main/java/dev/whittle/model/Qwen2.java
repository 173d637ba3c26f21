package dev.whittle.model;

import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.autograd.Weight;
import dev.whittle.ggml.Rope;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Qwen2, Qwen2.5 and the models distilled into them: biases on queries, keys and values.
final class Qwen2 implements Family {
  @Override
  public Rope.Pairing pairing() {
    return Rope.Pairing.HALVES;
  }

  @Override
  public List<WeightSpec> layerWeights(ModelConfig c) {
    long queries = (long) c.headSize() * c.heads();
    long keys = (long) c.headSize() * c.keyValueHeads();
    return Stream.concat(
            Blocks.commonWeights(c).stream(),
            Stream.of(
                WeightSpec.bias("attn_q", queries),
                WeightSpec.bias("attn_k", keys),
                WeightSpec.bias("attn_v", keys)))
        .toList();
  }

  @Override
  public Variable layer(
      Tape tape, ModelConfig c, Map<String, Weight> weights, Variable x, Positions positions) {
    return Blocks.layer(tape, c, weights, x, positions);
  }
}
